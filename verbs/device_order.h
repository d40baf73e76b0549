// Order between this CPU and a device that reads and writes the same memory (DMA), where no call of libibverbs lies
// between.
//
// What libibverbs' providers do themselves, by rdma-core's util/udma_barrier.h; on aarch64:
//   ibv_post_send, ibv_post_recv   stores before the call are visible to the device before the doorbell is:
//                                  udma_to_device_barrier, "dmb oshst" (stores only), and "dsb st" around a doorbell
//                                  that carries the work request itself (mmio_wc_start, mmio_flush_writes)
//   ibv_poll_cq                    what the device wrote before a completion is visible once the call has returned it:
//                                  udma_from_device_barrier, "dmb oshld"
// On x86, loads are not reordered with loads nor with later stores, nor stores with stores: nothing but the compiler
// has to be held back there.
//
// Two things are left to us:
// - Memory that is polled itself, without a completion: loads after the awaited word must not be done before it.
// - Memory that is given back to a device or a peer after it was read: the barrier in the post orders stores alone, so
// that
//   a load of the old content could be done after the doorbell, when the new content is already arriving.
//
// std::atomic's acquire (ldar, "dmb ishld") orders this CPU towards other CPUs, the inner shareable domain. Devices are
// only promised to be in the outer one; hence "osh", as in Linux' dma_rmb() and in rdma-core.
#pragma once

#include <type_traits>

namespace rocekit::verbs {

/// What a device, or a peer through one, has written last; the word is read at once and anew with each call. To be
/// aligned.
template <class Word>
Word read_polled(const Word& word) {
  static_assert(std::is_trivially_copyable_v<Word> && sizeof(Word) <= 8);
  return __atomic_load_n(&word, __ATOMIC_RELAXED);
}

/// All loads before it are done before any load or store after it, towards other CPUs and devices. After read_polled()
/// has given the awaited value, and before memory that was read goes back to whoever will overwrite it. A few
/// nanoseconds.
inline void device_read_barrier() {
#if defined(__aarch64__)
  asm volatile("dmb oshld" ::: "memory");
#elif defined(__x86_64__)
  asm volatile("" ::: "memory");
#else
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

}  // namespace rocekit::verbs
