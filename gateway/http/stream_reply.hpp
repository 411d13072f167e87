// The items and the end of a stream, as a client of HTTP is sent them.
//
//     server-sent events                              lines of JSON
//     data: 7                                         {"item":7}
//     event: result, data: 10                         {"result":10}
//     event: error, data: {"code": …}                 {"error":{"code": …}}
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include <rpcbroker/raw_reply.hpp>
#include <rpcbroker/result.hpp>

#include "gateway/http/pieces.hpp"

namespace rpcbroker::http {

enum class StreamForm : std::uint8_t { events, lines };

/// What the request asks for, by `stream=events|lines` or by Accept; nothing where it says nothing.
std::optional<StreamForm> wanted_form(const Request& request);

/// One response. Its status is known by what comes first: an item, the result, or an error.
class StreamReply {
public:
    using Respond = std::function<void(Response)>;

    /// `respond` is called where an error comes before everything else.
    StreamReply(StreamForm form, std::shared_ptr<Pieces> pieces, Respond respond);

    /// Takes an item, packed; false: not now.
    bool item(std::string_view packed);
    void end(const Result<RawReply>& reply);

private:
    void begin();

    StreamForm form_;
    std::shared_ptr<Pieces> pieces_;
    Respond respond_;
    bool begun_ = false;
};

}  // namespace rpcbroker::http
