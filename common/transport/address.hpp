// Private to transport/: where the other end of a connection is, asked of the system.
#pragma once

#include <string>

namespace rpcbroker::transport {

/// "10.0.0.7:41234", "[fe80::1]:41234", "local" for ipc, empty for a connection that is gone.
std::string address_of(int descriptor);
/// What counts as one address where connections are counted: "10.0.0.7", "2001:db8:0:1::/64", "local" for ipc; as above.
std::string network_of(int descriptor);

}  // namespace rpcbroker::transport
