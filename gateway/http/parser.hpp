// HTTP/1.1 off the wire, by Boost.Beast, and onto it, without I/O.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "gateway/http/message.hpp"
#include "gateway/session.hpp"

namespace rpcbroker::http {

/// Reads one request after the other.
class Parser {
public:
    enum class Is : std::uint8_t { cut_off, head, whole, malformed, header_too_large, body_too_large };

    explicit Parser(MessageLimits limits);
    ~Parser();
    Parser(const Parser&) = delete;
    Parser& operator=(const Parser&) = delete;

    /// Reads from `bytes`, which go on where the last taken() ended. `head`: that is whole and the body is not; said once, and
    /// not where both came together. After anything but these and cut_off, no more is read until the next reset().
    Is read(std::string_view bytes);
    /// How many of the last bytes are done with.
    [[nodiscard]] std::size_t taken() const noexcept { return taken_; }
    /// Whether a request has begun.
    [[nodiscard]] bool within() const noexcept { return begun_; }
    /// After Is::head: the request without its body, and whether the client waits to hear that it is to send it.
    [[nodiscard]] Request head() const;
    [[nodiscard]] bool waits_to_go_on() const;
    /// The request that is whole; the next one is read then.
    Request take();

private:
    struct State;
    void reset();

    MessageLimits limits_;
    std::unique_ptr<State> state_;
    std::size_t taken_ = 0;
    bool begun_ = false;
    bool head_told_ = false;
};

/// With Content-Length and Connection as they must be. `head_only`: for HEAD.
std::string to_wire(const Response& response, bool keep_alive, bool head_only = false);

/// The head of a response whose body is sent piece by piece: in chunks, or until the connection closes.
std::string head_to_wire(const Response& response, bool chunks);
std::string chunk_to_wire(std::string_view piece);
std::string_view last_chunk() noexcept;

}  // namespace rpcbroker::http
