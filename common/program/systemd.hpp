// Tells systemd how the service is (Type=notify). Nothing happens outside systemd, or where it was not built in.
#pragma once

namespace rpcbroker::systemd {

/// Serving now. From any thread.
void notify_ready() noexcept;
/// Ending in order; systemd waits for the process.
void notify_stopping() noexcept;

}  // namespace rpcbroker::systemd
