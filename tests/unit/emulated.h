// Tests that cannot hold under qemu-user (the aarch64 preset's tests on x86-64) say why.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>

#define ROCEKIT_SKIP_WHERE_EMULATED(why) \
  if (std::getenv("ROCEKIT_EMULATED") != nullptr) GTEST_SKIP() << "under qemu-user: " << (why)
