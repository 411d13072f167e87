// Conversions of values that hold no others. Included by convert.hpp.
#pragma once

#include <bit>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>

#include <rpcbroker/detail/convert_base.hpp>

namespace rpcbroker {

/// Bytes that are no text: MessagePack's bin. A str is taken for them, too.
struct Bytes {
    std::string value;
    bool operator==(const Bytes&) const = default;
};
/// The same as a view into the message, valid as long as that.
struct BytesView {
    std::string_view value;
    bool operator==(const BytesView&) const = default;
};
/// Any one value, as its MessagePack bytes.
struct RawValue {
    std::string packed = "\xc0";
    bool operator==(const RawValue&) const = default;
};
/// The same as a view into the message, valid as long as that.
struct RawView {
    std::string_view packed = "\xc0";
    bool operator==(const RawView&) const = default;
};

namespace detail {

template <class T>
concept Character = std::same_as<T, char> || std::same_as<T, wchar_t> || std::same_as<T, char8_t> ||
    std::same_as<T, char16_t> || std::same_as<T, char32_t>;
/// Numbers; neither bool nor characters, which have no type of their own on the wire.
template <class T>
concept Integer = std::integral<T> && !std::same_as<T, bool> && !Character<T> && sizeof(T) <= sizeof(std::int64_t);
template <class T>
concept Real = std::same_as<T, float> || std::same_as<T, double>;

/// Whether the conversion of `value` to T and back changes nothing.
template <Real T>
constexpr bool is_exact(std::int64_t value) noexcept {
    const auto bits = static_cast<std::uint64_t>(value);
    const auto magnitude = value < 0 ? 0 - bits : bits;
    return magnitude == 0 || std::bit_width(magnitude >> std::countr_zero(magnitude)) <= std::numeric_limits<T>::digits;
}

}  // namespace detail

template <>
struct Convert<bool> {
    static void pack(Packer& packer, bool value) { packer.boolean(value); }
    static bool unpack(Unpacker& in, bool& out, Mismatch& mismatch) {
        const auto value = in.take_boolean();
        if (!value) return mismatch.expected("bool", in);
        out = *value;
        return true;
    }
    static std::string type_name() { return "bool"; }
};

template <detail::Integer T>
requires std::is_signed_v<T>
struct Convert<T> {
    static void pack(Packer& packer, T value) { packer.integer(value); }
    static bool unpack(Unpacker& in, T& out, Mismatch& mismatch) {
        using Limits = std::numeric_limits<T>;
        const auto before = in;
        const auto value = in.take_integer();
        if (!value || *value < Limits::min() || *value > Limits::max()) {
            in = before;
            return mismatch.expected_integer(Limits::min(), static_cast<std::uint64_t>(Limits::max()), in);
        }
        out = static_cast<T>(*value);
        return true;
    }
    static std::string type_name() { return "int"; }
};

template <detail::Integer T>
requires std::is_unsigned_v<T>
struct Convert<T> {
    static void pack(Packer& packer, T value) { packer.unsigned_integer(value); }
    static bool unpack(Unpacker& in, T& out, Mismatch& mismatch) {
        const auto before = in;
        std::uint64_t value = 0;
        if (!in.take(value) || value > std::numeric_limits<T>::max()) {
            in = before;
            return mismatch.expected_integer(0, std::numeric_limits<T>::max(), in);
        }
        out = static_cast<T>(value);
        return true;
    }
    static std::string type_name() { return "int"; }
};

/// Integers are taken where T holds them exactly. A float takes any double within its range, rounded.
template <detail::Real T>
struct Convert<T> {
    static void pack(Packer& packer, T value) { packer.real(value); }
    static bool unpack(Unpacker& in, T& out, Mismatch& mismatch) {
        const auto before = in;
        if (const auto value = in.take_real(); value && fits(*value)) {
            out = static_cast<T>(*value);
            return true;
        }
        in = before;
        if (const auto value = in.take_integer(); value && detail::is_exact<T>(*value)) {
            out = static_cast<T>(*value);
            return true;
        }
        in = before;
        const auto kind = in.peek();
        if (kind == Kind::integer) return mismatch.say("expected float, got an int that no float holds exactly");
        if (kind == Kind::real) return mismatch.say("expected float of 32 bits, got one that is out of its range");
        return mismatch.expected("float", in);
    }
    static std::string type_name() { return "float"; }

private:
    static bool fits(double value) noexcept {
        return !std::isfinite(value) || std::abs(value) <= static_cast<double>(std::numeric_limits<T>::max());
    }
};

template <>
struct Convert<std::string_view> {
    static void pack(Packer& packer, std::string_view value) { packer.string(value); }
    static bool unpack(Unpacker& in, std::string_view& out, Mismatch& mismatch) {
        return in.take(out) || mismatch.expected("str", in);
    }
    static std::string type_name() { return "str"; }
};

template <>
struct Convert<std::string> {
    static void pack(Packer& packer, const std::string& value) { packer.string(value); }
    static bool unpack(Unpacker& in, std::string& out, Mismatch& mismatch) {
        std::string_view view;
        if (!Convert<std::string_view>::unpack(in, view, mismatch)) return false;
        out.assign(view);
        return true;
    }
    static std::string type_name() { return "str"; }
};

/// For parameters and results that are literals; there is nothing to unpack into.
template <>
struct Convert<const char*> {
    static void pack(Packer& packer, const char* value) { packer.string(value); }
    static std::string type_name() { return "str"; }
};
template <>
struct Convert<char*> : Convert<const char*> {};

template <>
struct Convert<BytesView> {
    static void pack(Packer& packer, BytesView bytes) { packer.binary(bytes.value); }
    static bool unpack(Unpacker& in, BytesView& out, Mismatch& mismatch) {
        const auto value = in.peek() == Kind::string ? in.take_string() : in.take_binary();
        if (!value) return mismatch.expected("bytes", in);
        out.value = *value;
        return true;
    }
    static std::string type_name() { return "bytes"; }
};

template <>
struct Convert<Bytes> {
    static void pack(Packer& packer, const Bytes& bytes) { packer.binary(bytes.value); }
    static bool unpack(Unpacker& in, Bytes& out, Mismatch& mismatch) {
        BytesView view;
        if (!Convert<BytesView>::unpack(in, view, mismatch)) return false;
        out.value.assign(view.value);
        return true;
    }
    static std::string type_name() { return "bytes"; }
};

template <>
struct Convert<RawView> {
    static void pack(Packer& packer, RawView raw) { packer.raw(raw.packed); }
    static bool unpack(Unpacker& in, RawView& out, Mismatch& mismatch) {
        return in.take_value(out.packed) || mismatch.expected("any", in);
    }
    static std::string type_name() { return "any"; }
};

template <>
struct Convert<RawValue> {
    static void pack(Packer& packer, const RawValue& raw) { packer.raw(raw.packed); }
    static bool unpack(Unpacker& in, RawValue& out, Mismatch& mismatch) {
        RawView view;
        if (!Convert<RawView>::unpack(in, view, mismatch)) return false;
        out.packed.assign(view.packed);
        return true;
    }
    static std::string type_name() { return "any"; }
};

template <>
struct Convert<std::nullptr_t> {
    static void pack(Packer& packer, std::nullptr_t) { packer.nil(); }
    static bool unpack(Unpacker& in, std::nullptr_t&, Mismatch& mismatch) {
        return in.take_nil() || mismatch.expected("nil", in);
    }
    static std::string type_name() { return "nil"; }
};

}  // namespace rpcbroker
