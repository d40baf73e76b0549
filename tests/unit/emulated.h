// Tests that cannot hold under qemu-user (the aarch64 preset's tests on x86-64) say why.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>

/// What other processes need `usual` for, emulated ones in twenty times as much.
inline std::chrono::milliseconds time_for_others(std::chrono::milliseconds usual) {
  return std::getenv("ROCEKIT_EMULATED") != nullptr ? 20 * usual : usual;
}

#define ROCEKIT_SKIP_WHERE_EMULATED(why) \
  if (std::getenv("ROCEKIT_EMULATED") != nullptr) GTEST_SKIP() << "under qemu-user: " << (why)
