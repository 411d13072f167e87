// Structs and enums with msgpack-c's own macros as parameters and results. Include it beside the client or worker header:
//
//     struct Point { int x = 0; int y = 0; MSGPACK_DEFINE_MAP(x, y); };
//     enum class Color { red, green };
//     MSGPACK_ADD_ENUM(Color)
//
// Every class and enum that convert.hpp does not know goes through msgpack-c, by reference (string_view members point
// into the message) and with limits, and whatever it throws becomes an error of the call. What it does not check is not
// checked here: with MSGPACK_DEFINE_MAP, a missing field keeps its default. msgpack::object must not be a member, it would
// outlive what it points to; take RawValue in its place. Needs msgpack-c's C++ headers and C++ package (msgpackc-cxx).
#pragma once

#include <cstddef>
#include <exception>
#include <string>
#include <string_view>
#include <type_traits>

#include <msgpack.hpp>

#include <rpcbroker/convert.hpp>

namespace rpcbroker {

/// What rpc.describe and errors call T: specialise it to give a struct its name. Otherwise "map", "list" or "int", by
/// what a default T is packed as.
template <class T>
inline constexpr std::string_view rpc_type_name{};

namespace detail {

/// msgpack-c's idea of a stream.
struct StringSink {
    std::string* out;
    void write(const char* bytes, std::size_t size) { out->append(bytes, size); }
};

template <class T>
concept MsgpackType = std::is_class_v<T> || std::is_enum_v<T>;

template <class T>
void msgpack_pack(std::string& out, const T& value) {
    StringSink sink{&out};
    msgpack::packer<StringSink>{sink}.pack(value);
}

/// Unpacks `packed`, one complete value. Throws what msgpack-c throws.
template <class T>
void msgpack_unpack(std::string_view packed, T& out) {
    // Nothing holds more elements or bytes than there are bytes, so no head makes it reserve more than in proportion.
    const auto most = packed.size();
    const msgpack::unpack_limit limit(most, most, most, most, most, static_cast<std::size_t>(max_nesting));
    const auto by_reference = [](msgpack::type::object_type, std::size_t, void*) { return true; };
    msgpack::zone zone;
    bool referenced = false;
    std::size_t offset = 0;
    msgpack::unpack(zone, packed.data(), most, offset, referenced, by_reference, nullptr, limit).convert(out);
}

}  // namespace detail

template <detail::MsgpackType T>
struct Convert<T> {
    static_assert(!std::is_same_v<T, msgpack::object>, "msgpack::object points into a message: take RawValue instead");

    static void pack(Packer& packer, const T& value) { detail::msgpack_pack(packer.out(), value); }

    static bool unpack(Unpacker& in, T& out, Mismatch& mismatch) {
        const auto before = in;
        const auto packed = in.take_value();
        if (packed && try_unpack(*packed, out)) return true;
        in = before;
        if (packed && name_of(in.peek()) == packed_as()) {
            return mismatch.say("expected " + type_name() + ", got a " + packed_as() + " that does not fit it");
        }
        return mismatch.expected(type_name(), in);
    }

    static std::string type_name() { return rpc_type_name<T>.empty() ? packed_as() : std::string{rpc_type_name<T>}; }

private:
    static bool try_unpack(std::string_view packed, T& out) try {
        detail::msgpack_unpack(packed, out);
        return true;
    } catch (const std::exception&) {
        return false;  // msgpack-c says no more than "std::bad_cast"
    }

    /// "map", "list", …: by trying, as its macros leave nothing else to tell them apart.
    static std::string packed_as() try {
        std::string packed;
        detail::msgpack_pack(packed, T{});
        return std::string{name_of(Unpacker{packed}.peek())};
    } catch (const std::exception&) {
        return "any";
    }
};

}  // namespace rpcbroker
