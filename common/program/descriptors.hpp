// How many descriptors a program may have open.
#pragma once

namespace rpcbroker {

/// As many as the system lets it have. Shells and systemd give 1,024 and allow far more, as old programs use select().
void raise_descriptor_limit() noexcept;

}  // namespace rpcbroker
