// The compiler's libstdc++.a asks for what glibc has only since 2.36, and serving containers may be older.
#include <sys/random.h>

#include <cstdint>
#include <cstdlib>

extern "C" std::uint32_t arc4random() {
  std::uint32_t value = 0;
  // So few bytes are never given in part.
  if (getrandom(&value, sizeof value, 0) != sizeof value) std::abort();
  return value;
}
