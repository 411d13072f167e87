// What every conversion is made of: Convert, which is specialised for each type, and Mismatch, which says what is wrong.
// Included by convert.hpp, which is the header to include.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <rpcbroker/pack.hpp>

namespace rpcbroker {

/// Why a value on the wire is not of the C++ type that was asked for, and where in it: "parameter 1 (items), element 3:
/// expected int, got str". Empty, it allocates nothing.
class Mismatch {
public:
    /// What is wrong. Each of them replaces what was said before, and returns false, so that an unpack() can return it.
    bool say(std::string problem);
    /// "expected `type`, got …", by what stands at the cursor.
    bool expected(std::string_view type, const Unpacker& at);
    /// "expected int from `least` to `most`, got …", by what stands at the cursor.
    bool expected_integer(std::int64_t least, std::uint64_t most, const Unpacker& at);

    /// Puts the place around what was said: the innermost first. Returns false.
    bool within(std::string_view place);
    /// "`what` `number`": within("element", 3).
    bool within(std::string_view what, std::size_t number);

    [[nodiscard]] std::string text() const { return place_.empty() ? problem_ : place_ + ": " + problem_; }

private:
    std::string place_;
    std::string problem_;
};

namespace detail {
template <class>
inline constexpr bool no_conversion = false;
}

/// How a C++ type goes over the wire. Specialise it for a type of your own, for all three:
///     static void pack(Packer&, const T&);                exactly one MessagePack value
///     static bool unpack(Unpacker&, T&, Mismatch&);       false: the Mismatch says why, and T is in any state
///     static std::string type_name();                     for rpc.describe: "str", "list<int>", "Point"
template <class T>
struct Convert {
    static_assert(
        detail::no_conversion<T>,
        "rpcbroker knows no conversion for this type: give it MSGPACK_DEFINE or MSGPACK_DEFINE_MAP and include "
        "<rpcbroker/msgpack_types.hpp>, or specialise rpcbroker::Convert for it");
};

}  // namespace rpcbroker
