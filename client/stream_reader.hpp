// Reads one stream: takes what came in batches, and grants more as it is read.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <rpcbroker/raw_reply.hpp>
#include <rpcbroker/result.hpp>

#include "client/client_runtime.hpp"
#include "client/stream_window.hpp"

namespace rpcbroker::detail {

/// What RawStream says of itself holds here.
class StreamReader {
public:
    /// Starts the call.
    StreamReader(std::shared_ptr<ClientRuntime> runtime, const NewCall& call);
    ~StreamReader();
    StreamReader(const StreamReader&) = delete;
    StreamReader& operator=(const StreamReader&) = delete;

    Result<std::optional<std::string>> next();
    Result<RawReply> result();
    void cancel();
    void give_up(Error error);

private:
    bool has_item();
    std::string read();
    void drop_items() noexcept;

    std::shared_ptr<ClientRuntime> runtime_;
    StreamWindow window_;
    std::shared_ptr<PendingCall> call_;
    std::vector<std::string> batch_;  ///< taken from the runtime; those before at_ are read
    std::size_t at_ = 0;
    std::optional<Result<RawReply>> end_;  ///< has a value from when the reader has come there
};

}  // namespace rpcbroker::detail
