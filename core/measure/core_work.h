// How fast this thread's core is at the moment.
#pragma once

#include "core/measure/clock.h"

namespace rocekit::measure {

/// Time of a fixed piece of integer work that keeps a core's units busy, in ns: 2 to 5 us of work, the least of three
/// runs, so that an interrupt does not count. As long as the thread has the core to itself it takes the same time. It
/// takes half as long again and more while the core's other hardware thread is busy (1.45 times on a Xeon), and longer
/// as the clock falls. Nothing else tells a virtual machine that another guest is on its core.
double core_work_ns(const Clock& clock);

}  // namespace rocekit::measure
