// The doors, one function each; see open() in doors.h.
#pragma once

#include "core/session/impl.h"

namespace rocekit::session {

Assembly enter_local(const DoorOptions& options, const DoorContext& context, const Limits& limits,
                     std::unique_ptr<Signals> signals);
Assembly enter_listen(const DoorOptions& options, const DoorContext& context, const Limits& limits,
                      std::unique_ptr<Signals> signals);
/// --join TOKEN@ADDR:PORT and --join -
Assembly enter_join(const DoorOptions& options, const DoorContext& context, const Limits& limits,
                    std::unique_ptr<Signals> signals);

Assembly enter_via(const DoorOptions& options, const DoorContext& context, const Limits& limits,
                   std::unique_ptr<Signals> signals);
/// Under mpirun or srun. Precondition: launch_of_environment().
Assembly enter_launched(const DoorOptions& options, const DoorContext& context, const Limits& limits,
                        std::unique_ptr<Signals> signals);

}  // namespace rocekit::session
