// rpc-call: calls a method from a shell. Its options and exit status are in docs/OPERATIONS.md and rpc-call --help.
#include <iostream>

#include <rpcbroker/client.hpp>
#include <rpcbroker/pack.hpp>

#include "client/exit_status.hpp"
#include "client/listing.hpp"
#include "client/rpc_call_options.hpp"
#include "client/rpc_caller.hpp"
#include "common/program/signals.hpp"

namespace rpcbroker {

namespace {

constexpr std::string_view program = "rpc-call";

bool asks(const RpcCallOptions& options) { return options.list || options.names || !options.describe.empty(); }

Result<std::string> explained(const RpcCallOptions& options, std::string_view packed) {
    if (options.list) return list_services(packed);
    if (options.names) return list_names(packed);
    return describe_method(options.describe, packed);
}

/// --list, --names and --describe.
int explain(Client& client, const RpcCallOptions& options) {
    std::string params;
    const bool describes = !options.describe.empty();
    if (describes)
        pack_params(params, options.describe);
    else
        pack_params(params);
    const auto reply = client.call_raw(describes ? "rpc.describe" : "rpc.services", params, options.call);
    if (!reply) return report(std::cerr, program, reply.error());
    const auto text = explained(options, reply->result);
    if (!text) return report(std::cerr, program, text.error());
    std::cout << *text;
    return 0;
}

int run(const RpcCallOptions& options) {
    const StopSignal signal;
    Client client{ClientOptions{.brokers = options.brokers, .name = "rpc-call", .keys = options.keys}};
    const StopThread stop{signal, [&] { client.close(); }};
    RpcCaller caller{client, options, [&] { return signal.received() != 0; }, std::cout, std::cerr};
    const int status = asks(options) ? explain(client, options) : caller.run();
    if (std::cout.flush() || caller.reader_is_gone()) return status;
    std::cerr << "rpc-call: cannot write to standard output\n";
    return 1;
}

}  // namespace

}  // namespace rpcbroker

int main(int argc, char** argv) try {
    const auto parsed = rpcbroker::parse_rpc_call(argc, argv);
    if (const int* status = std::get_if<int>(&parsed)) return *status;
    return rpcbroker::run(std::get<rpcbroker::RpcCallOptions>(parsed));
} catch (const std::exception& problem) {
    std::cerr << "rpc-call: " << problem.what() << '\n';
    return 1;
}
