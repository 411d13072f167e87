// A response whose body is sent piece by piece.
#pragma once

#include <string_view>

#include "gateway/http/message.hpp"

namespace rpcbroker::http {

class Pieces {
public:
    virtual ~Pieces() = default;
    /// Whether it is this response's turn, and its client takes more.
    [[nodiscard]] virtual bool ready() const = 0;
    /// Once; its body is left out.
    virtual void begin(Response head) = 0;
    virtual void send(std::string_view piece) = 0;
    virtual void end() = 0;
};

}  // namespace rpcbroker::http
