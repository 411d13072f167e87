// A value or the Error that stands in its place (C++23's std::expected, until then).
#pragma once

#include <utility>
#include <variant>

#include <rpcbroker/error.hpp>

namespace rpcbroker {

/// Holds a T or an Error. `value()` of an error throws that Error; `error()` of a value ends the program.
template <class T>
class [[nodiscard]] Result {
public:
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}
    /// A T(), to be filled in where it is.
    explicit Result(std::in_place_t /*as it is*/) : state_(std::in_place_index<0>) {}

    [[nodiscard]] bool has_value() const noexcept { return state_.index() == 0; }
    explicit operator bool() const noexcept { return has_value(); }

    T& value() & { return check(), std::get<0>(state_); }
    const T& value() const& { return check(), std::get<0>(state_); }
    T&& value() && { return check(), std::get<0>(std::move(state_)); }
    T& operator*() & { return value(); }
    const T& operator*() const& { return value(); }
    T&& operator*() && { return std::move(*this).value(); }
    T* operator->() { return &value(); }
    const T* operator->() const { return &value(); }

    [[nodiscard]] const Error& error() const& noexcept { return std::get<1>(state_); }
    [[nodiscard]] Error&& error() && noexcept { return std::get<1>(std::move(state_)); }

private:
    void check() const {
        if (const auto* error = std::get_if<1>(&state_)) throw *error;
    }
    std::variant<T, Error> state_;
};

/// Done, or the Error that says why not.
template <>
class [[nodiscard]] Result<void> {
public:
    Result() noexcept : error_(std::nullopt) {}  // not "= default": that would set all of the room for an Error to zero
    Result(Error error) : error_(std::move(error)) {}

    [[nodiscard]] bool has_value() const noexcept { return !error_.has_value(); }
    explicit operator bool() const noexcept { return has_value(); }
    void value() const {
        if (error_) throw *error_;
    }
    [[nodiscard]] const Error& error() const& noexcept { return *error_; }
    [[nodiscard]] Error&& error() && noexcept { return std::move(*error_); }

private:
    std::optional<Error> error_;
};

}  // namespace rpcbroker
