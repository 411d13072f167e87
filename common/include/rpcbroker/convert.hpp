// C++ values to MessagePack and back: the parameters and results of calls.
//
// Straight from the bytes into the types and back, with nothing in between. Known here, and what each is called in
// rpc.describe and in errors:
//     bool "bool"; integers of every width, their range checked "int"; float, double "float";
//     std::string, std::string_view "str"; Bytes, BytesView "bytes"; RawValue, RawView "any"; std::nullptr_t "nil";
//     std::optional "optional<T>"; std::vector, std::array "list<T>"; std::pair, std::tuple "tuple<A, B>";
//     std::map, std::unordered_map "map<K, V>"
// Views point into the message that they were unpacked from. A str is passed on as it came: whether it is UTF-8 is asked
// with is_utf8. For structs include <rpcbroker/msgpack_types.hpp>, or specialise Convert (detail/convert_base.hpp).
//
// Unpacking never throws because of what the bytes hold, reads nothing past them, and reserves memory only for what is
// really there. The functions have no state.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>

#include <rpcbroker/detail/convert_base.hpp>
#include <rpcbroker/detail/convert_containers.hpp>
#include <rpcbroker/detail/convert_scalars.hpp>
#include <rpcbroker/result.hpp>

namespace rpcbroker {

/// Whether T holds views into the message, and so must not outlive it.
template <class T>
inline constexpr bool borrows = false;
template <>
inline constexpr bool borrows<std::string_view> = true;
template <>
inline constexpr bool borrows<BytesView> = true;
template <>
inline constexpr bool borrows<RawView> = true;
template <template <class...> class C, class... T>
inline constexpr bool borrows<C<T...>> = (borrows<T> || ...);
template <class T, std::size_t size>
inline constexpr bool borrows<std::array<T, size>> = borrows<T>;

namespace detail {

// Results, though each holds an error: so nothing of it is in the way of parameters that are as they should be.
Result<void> wrong_parameter_count(std::span<const std::string> names, std::size_t wanted, std::size_t got);
Result<void> no_parameters(const Unpacker& at);
Result<void> more_than_parameters();
Result<void> wrong_parameter(Mismatch& mismatch, std::span<const std::string> names, std::size_t index);
Error wrong_value(Mismatch& mismatch, std::string_view what);
/// The error for what was just thrown (no memory, or a user's conversion). To be called in a handler.
Error thrown_while_unpacking(std::string_view what);

}  // namespace detail

/// Appends `value`.
template <class T>
void pack_value(std::string& out, const T& value) {
    Packer packer{out};
    Convert<std::decay_t<T>>::pack(packer, value);
}

/// Appends one array of all `args`.
template <class... A>
void pack_params(std::string& out, const A&... args) {
    Packer packer{out};
    packer.array(sizeof...(A));
    (Convert<std::decay_t<A>>::pack(packer, args), ...);
}

/// Unpacks an array of exactly as many parameters. The error is INVALID_ARGUMENT: "parameter 1 (text): expected str, got
/// int", "expected 2 parameters (text, part), got 1". `names` may be fewer, or empty.
template <class... T>
Result<void> unpack_params(std::string_view params, std::tuple<T...>& out, std::span<const std::string> names) try {
    Unpacker in{params};
    std::uint32_t size = 0;
    if (!in.take_array(size)) return detail::no_parameters(in);
    if (size != sizeof...(T)) return detail::wrong_parameter_count(names, sizeof...(T), size);
    Mismatch mismatch;
    std::size_t index = 0;
    const auto unpack_next = [&](auto& parameter) {
        if (!Convert<std::remove_reference_t<decltype(parameter)>>::unpack(in, parameter, mismatch)) return false;
        ++index;
        return true;
    };
    const bool all = std::apply([&](auto&... parameter) { return (unpack_next(parameter) && ...); }, out);
    if (!all) return detail::wrong_parameter(mismatch, names, index);
    if (!in.at_end()) return detail::more_than_parameters();
    return {};
} catch (...) {
    return detail::thrown_while_unpacking("parameters");
}

/// Unpacks exactly one value. `what` says in the error what it is: "result: expected int, got str".
template <class T>
Result<T> unpack_value(std::string_view packed, std::string_view what) try {
    Unpacker in{packed};
    Mismatch mismatch;
    auto value = T();
    if (!Convert<T>::unpack(in, value, mismatch)) return detail::wrong_value(mismatch, what);
    if (!in.at_end()) {
        mismatch.say("more than one value");
        return detail::wrong_value(mismatch, what);
    }
    return value;
} catch (...) {
    return detail::thrown_while_unpacking(what);
}

}  // namespace rpcbroker
