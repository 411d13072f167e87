// What a program does so that what is secret or its own stays so.
#pragma once

namespace rpcbroker {

/// Before a secret key is read: no core is dumped, and others of the same user cannot look into the process.
void keep_secrets() noexcept;
/// Files and sockets that this makes are not for everybody, whatever the umask was.
void keep_others_out() noexcept;

}  // namespace rpcbroker
