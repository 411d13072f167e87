// Who may call and register what, where the broker asks for keys.
#include <algorithm>
#include <utility>

#include "broker/broker_core.hpp"

namespace rpcbroker::broker {

namespace {

Error denied(std::string message) { return {Code::permission_denied, std::move(message), By::broker, Ran::no}; }

/// The first method of it that the key may not register; empty: none.
std::string first_not_allowed(const Rights& rights, const Registration& registration) {
    for (const auto& service : registration.services)
        for (const auto& method : service.methods)
            if (auto name = service.name + "." + method.name; !rights.allow(name)) return name;
    return {};
}

bool may_keep(const Worker& worker, const Rights& rights) {
    return std::ranges::all_of(worker.memberships, [&](const auto& membership) {
        return !membership->group ||  // it takes no more calls
               std::ranges::all_of(membership->group->methods,
                                   [&](const Method* method) { return rights.allow(method->full_name); });
    });
}

}  // namespace

void BrokerCore::set_client_identity(PeerId peer, Identity identity) {
    if (Client* client = find_client(peer)) {
        client->identity = identity;
        client->last_method = nullptr;  // it is asked anew
    }
    client_identities_.set(peer, std::move(identity));
}

bool BrokerCore::set_worker_identity(PeerId peer, Identity identity) {
    const Worker* worker = find_worker(peer);
    const bool keeps = !worker || may_keep(*worker, identity->rights);
    worker_identities_.set(peer, std::move(identity));
    return keeps;
}

/// Asked once for each method that a client calls one after the other, as it keeps the last one that it may call.
bool BrokerCore::may_call(const Client& client, std::string_view method) noexcept {
    if (client.last_method && client.last_method->full_name == method) return true;
    return client.identity && client.identity->role != Role::worker && client.identity->rights.allow(method);
}

Error BrokerCore::may_not_call(const Client& client, std::string_view method) {
    if (!client.identity) return {Code::unauthenticated, "the broker wants a key", By::broker, Ran::no};
    return denied("the key " + client.identity->name + " may not call " + std::string(method) +
                  "; what it may is in its line of the broker's authorized file");
}

/// `method`: of the service rpc, without that.
std::optional<Error> BrokerCore::check_right_to_ask(const Client& client, std::string_view method) const {
    if (!needs_keys_) return std::nullopt;
    if (!client.identity || client.identity->role == Role::worker)
        return may_not_call(client, "rpc." + std::string(method));
    if ((method != "calls" && method != "drain") || client.identity->role == Role::admin) return std::nullopt;
    return denied("rpc." + std::string(method) + " is for keys of the role admin, and " + client.identity->name +
                  " has the role " + std::string(name_of(client.identity->role)));
}

std::optional<Error> BrokerCore::check_right_to_register(PeerId peer, const Registration& registration) const {
    if (!needs_keys_) return std::nullopt;
    const auto identity = worker_identities_.find(peer);
    if (!identity) return Error{Code::unauthenticated, "the broker wants a key", By::broker, Ran::no};
    if (identity->role != Role::worker)
        return denied("registering is for keys of the role worker, and " + identity->name + " has the role " +
                      std::string(name_of(identity->role)));
    const auto method = first_not_allowed(identity->rights, registration);
    if (method.empty()) return std::nullopt;
    return denied("the key " + identity->name + " may not register " + method +
                  "; what it may is in its line of the broker's authorized file");
}

}  // namespace rpcbroker::broker
