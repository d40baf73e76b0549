// What tests tell the library of fake_nccl.cpp, and what it kept.
#pragma once

struct FakeNccl {
  int version = 22809;
  int init_result = 0;
  int async_error = 0;
  int all_reduce_result = 0;
  bool hang_in_init = false;
  bool hang_in_all_reduce = false;
  const char* last_error = "";
};
