// Whoever knocks at --listen without the token.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/session/token.h"

namespace rocekit::session {
namespace {

TEST(Token, HasAtLeast128RandomBits) {
  EXPECT_EQ(make_token().size(), 26u);  // of 32 letters
  EXPECT_NE(make_token(), make_token());
  EXPECT_TRUE(is_token(make_token()));
  EXPECT_FALSE(is_token("abc"));
  EXPECT_FALSE(is_token(std::string(26, '0')));
}

}  // namespace
}  // namespace rocekit::session
