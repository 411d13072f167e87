// What NATS' driver and worker share.
#pragma once

#include <memory>

#include <nats/nats.h>

#include "tests/bench/compare/driver.hpp"

namespace rpcbroker::compare {

inline void check(natsStatus status, const char* what) {
    if (status != NATS_OK) fail(std::string{what} + ": " + natsStatus_GetText(status));
}

using NatsConnection = std::unique_ptr<natsConnection, decltype(&natsConnection_Destroy)>;
using NatsSubscription = std::unique_ptr<natsSubscription, decltype(&natsSubscription_Destroy)>;
using NatsMessage = std::unique_ptr<natsMsg, decltype(&natsMsg_Destroy)>;

/// `at_once`: published data is not left to the flusher's thread, as the documentation of natsOptions_SetSendAsap
/// advises where one reply is sent at a time.
inline NatsConnection connect_nats(const std::string& url, bool at_once) {
    natsOptions* created = nullptr;
    check(natsOptions_Create(&created), "options");
    const std::unique_ptr<natsOptions, decltype(&natsOptions_Destroy)> options{created, natsOptions_Destroy};
    check(natsOptions_SetURL(created, url.c_str()), "url");
    check(natsOptions_SetSendAsap(created, at_once), "send asap");
    natsConnection* connection = nullptr;
    check(natsConnection_Connect(&connection, created), "connect");
    return {connection, natsConnection_Destroy};
}

inline std::string_view view(const natsMsg* message) {
    return {natsMsg_GetData(message), static_cast<std::size_t>(natsMsg_GetDataLength(message))};
}

}  // namespace rpcbroker::compare
