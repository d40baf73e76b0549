// Fill, check and delay on the GPU. The numbers are those of collectives/communicator/call.h, whose functions are the
// reference; nothing is included, so that any host compiler under nvcc does.

using U8 = unsigned char;
using U16 = unsigned short;
using U32 = unsigned int;
using U64 = unsigned long long;

// traffic::DataType, in its order.
enum Type : int { bf16, fp16, fp32, int32, bytes };

static __device__ int input_number(U32 rank, U64 element, U32 seed) {
  U32 hash = static_cast<U32>(element ^ element >> 32) * 0x9e3779b9U + rank * 0x85ebca6bU + seed * 0xc2b2ae35U;
  hash ^= hash >> 16;
  hash *= 0x85ebca6bU;
  hash ^= hash >> 13;
  hash *= 0xc2b2ae35U;
  hash ^= hash >> 16;
  return static_cast<int>(hash % 17U) - 8;
}

static __device__ U64 thread_index() { return blockIdx.x * static_cast<U64>(blockDim.x) + threadIdx.x; }
static __device__ U64 thread_count() { return gridDim.x * static_cast<U64>(blockDim.x); }

static __device__ void store(void* data, U64 at, int type, int number) {
  switch (type) {
    case bf16:  // whole numbers up to 8 need no rounding
      static_cast<U16*>(data)[at] = static_cast<U16>(__float_as_uint(static_cast<float>(number)) >> 16);
      break;
    case fp16: {
      U16 bits;
      asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(static_cast<float>(number)));
      static_cast<U16*>(data)[at] = bits;
      break;
    }
    case fp32:
      static_cast<float*>(data)[at] = static_cast<float>(number);
      break;
    case int32:
      static_cast<int*>(data)[at] = number;
      break;
    default:
      static_cast<signed char*>(data)[at] = static_cast<signed char>(number);
  }
}

static __device__ double load(const void* data, U64 at, int type) {
  switch (type) {
    case bf16:
      return __uint_as_float(static_cast<U32>(static_cast<const U16*>(data)[at]) << 16);
    case fp16: {
      float value;
      asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(static_cast<const U16*>(data)[at]));
      return value;
    }
    case fp32:
      return static_cast<const float*>(data)[at];
    case int32:
      return static_cast<const int*>(data)[at];
    default:
      return static_cast<const signed char*>(data)[at];
  }
}

extern "C" __global__ void rocekit_fill(void* data, U64 elements, int type, U32 rank, U32 seed) {
  for (U64 i = thread_index(); i < elements; i += thread_count()) store(data, i, type, input_number(rank, i, seed));
}

/// gpu_kernels.h: CheckResult
struct CheckResult {
  U64 wrong;
  U64 first;
};

/// `source` < 0: the sum over `ranks` ranks. Elements count from `base` on in `result`.
extern "C" __global__ void rocekit_check(const void* data, U64 elements, int type, int source, U64 source_element,
                                         int ranks, U32 seed, double tolerance, U64 base, CheckResult* result) {
  U64 wrong = 0;
  U64 first = ~0ULL;
  for (U64 i = thread_index(); i < elements; i += thread_count()) {
    int expected = 0;
    if (source >= 0) {
      expected = input_number(static_cast<U32>(source), source_element + i, seed);
    } else {
      for (int rank = 0; rank < ranks; ++rank)
        expected += input_number(static_cast<U32>(rank), source_element + i, seed);
    }
    const double difference = load(data, i, type) - expected;
    // Not a number is wrong too.
    if (difference <= tolerance && difference >= -tolerance) continue;
    ++wrong;
    if (base + i < first) first = base + i;
  }
  if (wrong == 0) return;
  atomicAdd(&result->wrong, wrong);
  atomicMin(&result->first, first);
}

/// One thread that waits: keeps its stream busy and leaves the GPU's units free.
extern "C" __global__ void rocekit_delay(U64 nanoseconds) {
  U64 start;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(start));
  U64 now = start;
  while (now - start < nanoseconds) asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(now));
}
