// What can go wrong with a call, as values and as an exception.
//
// The codes are the canonical status names that gRPC made common; which of them the broker and the libraries send, and
// when, is in docs/PROTOCOL.md ("Errors"). Nothing here has state; every function may be called from any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <string_view>

namespace rpcbroker {

enum class Code : std::uint8_t {
    cancelled,
    unknown,
    invalid_argument,
    deadline_exceeded,
    not_found,
    already_exists,
    permission_denied,
    resource_exhausted,
    failed_precondition,
    aborted,
    out_of_range,
    unimplemented,
    internal,
    unavailable,
    data_loss,
    unauthenticated,
};

/// The canonical name: "INVALID_ARGUMENT".
std::string_view name_of(Code code) noexcept;
/// The code of a canonical name; nothing for any other text.
std::optional<Code> code_named(std::string_view name) noexcept;

/// Who says so. `handler`: the code that the user wrote; on the wire that is no `by` at all.
enum class By : std::uint8_t { handler, broker, worker, client };

/// Whether the handler was started. `unsaid`: an error of the handler itself, so it was.
enum class Ran : std::uint8_t { unsaid, no, maybe };

std::string_view name_of(By by) noexcept;
std::string_view name_of(Ran ran) noexcept;

/// Why a call has no result. A value that can also be thrown: `Client::call` throws it, `Client::try_call` returns it,
/// and a handler that throws it sends it to its caller.
class Error : public std::exception {
public:
    Error(Code code, std::string message);
    Error(Code code, std::string message, By by, Ran ran);

    [[nodiscard]] Code code() const noexcept { return code_; }
    [[nodiscard]] const std::string& message() const noexcept { return message_; }
    [[nodiscard]] By by() const noexcept { return by_; }
    [[nodiscard]] Ran ran() const noexcept { return ran_; }
    /// After this long, trying again may help. Nothing where that is not known.
    [[nodiscard]] std::optional<std::chrono::milliseconds> retry_after() const noexcept { return retry_after_; }
    /// What a handler added, as MessagePack; empty when it added nothing.
    [[nodiscard]] const std::string& data() const noexcept { return data_; }

    Error& set_retry_after(std::chrono::milliseconds pause) noexcept;
    Error& set_ran(Ran ran) noexcept;
    /// `data` is one complete MessagePack value.
    Error& set_data(std::string data) noexcept;

    /// "CODE: message", valid as long as this object.
    [[nodiscard]] const char* what() const noexcept override { return text_.c_str(); }

private:
    Code code_;
    By by_ = By::handler;
    Ran ran_ = Ran::unsaid;
    std::optional<std::chrono::milliseconds> retry_after_;
    std::string message_;
    std::string data_;
    std::string text_;
};

}  // namespace rpcbroker
