// Conversions of values that hold others. Included by convert.hpp.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include <rpcbroker/detail/convert_base.hpp>

namespace rpcbroker {
namespace detail {

/// What is reserved before the first element was seen, in bytes: a few bytes on the wire claim many elements.
inline constexpr std::size_t reserve_at_once = 64 * 1024;

/// "expected `wanted` `what`s, got `got`"; returns false.
bool wrong_count(Mismatch& mismatch, std::string_view what, std::size_t wanted, std::size_t got);

template <class... T>
std::string join_type_names() {
    std::string names;
    ((names += (names.empty() ? "" : ", ") + Convert<T>::type_name()), ...);
    return names;
}

/// A list with one element for each of `elements`, each of its own type.
template <class... T>
bool unpack_each(Unpacker& in, Mismatch& mismatch, T&... elements) {
    const auto before = in;
    const auto size = in.take_array();
    if (!size) return mismatch.expected("list", in);
    if (*size != sizeof...(T)) {
        in = before;
        return wrong_count(mismatch, "element", sizeof...(T), *size);
    }
    std::size_t number = 0;
    return ((++number, Convert<T>::unpack(in, elements, mismatch) || mismatch.within("element", number)) && ...);
}

template <class... T>
void pack_each(Packer& packer, const T&... elements) {
    packer.array(sizeof...(T));
    (Convert<T>::pack(packer, elements), ...);
}

template <class Map>
struct ConvertMap {
    using Key = typename Map::key_type;
    using Value = typename Map::mapped_type;

    static void pack(Packer& packer, const Map& map) {
        packer.map(map.size());
        for (const auto& [key, value] : map) {
            Convert<Key>::pack(packer, key);
            Convert<Value>::pack(packer, value);
        }
    }
    /// Where a key stands twice, its last value counts.
    static bool unpack(Unpacker& in, Map& out, Mismatch& mismatch) {
        const auto size = in.take_map();
        if (!size) return mismatch.expected("map", in);
        out.clear();
        for (std::size_t number = 1; number <= *size; ++number) {
            if (!unpack_entry(in, out, mismatch)) return mismatch.within("entry", number);
        }
        return true;
    }
    static std::string type_name() { return "map<" + join_type_names<Key, Value>() + ">"; }

private:
    static bool unpack_entry(Unpacker& in, Map& out, Mismatch& mismatch) {
        auto key = Key();
        auto value = Value();
        if (!Convert<Key>::unpack(in, key, mismatch)) return mismatch.within("key");
        if (!Convert<Value>::unpack(in, value, mismatch)) return mismatch.within("value");
        out.insert_or_assign(std::move(key), std::move(value));
        return true;
    }
};

}  // namespace detail

/// nil is nothing.
template <class T>
struct Convert<std::optional<T>> {
    static void pack(Packer& packer, const std::optional<T>& value) {
        if (value)
            Convert<T>::pack(packer, *value);
        else
            packer.nil();
    }
    static bool unpack(Unpacker& in, std::optional<T>& out, Mismatch& mismatch) {
        out.reset();
        if (in.take_nil()) return true;
        return Convert<T>::unpack(in, out.emplace(), mismatch);
    }
    static std::string type_name() { return "optional<" + Convert<T>::type_name() + ">"; }
};

template <class T, class Allocator>
struct Convert<std::vector<T, Allocator>> {
    static void pack(Packer& packer, const std::vector<T, Allocator>& list) {
        packer.array(list.size());
        for (const auto& element : list) Convert<T>::pack(packer, element);
    }
    static bool unpack(Unpacker& in, std::vector<T, Allocator>& out, Mismatch& mismatch) {
        const auto size = in.take_array();
        if (!size) return mismatch.expected("list", in);
        out.clear();
        out.reserve(std::min<std::size_t>(*size, detail::reserve_at_once / sizeof(T) + 1));
        for (std::size_t number = 1; number <= *size; ++number) {
            auto element = T();  // clang 14 dies of T{} where T is an array of arrays of strings
            if (!Convert<T>::unpack(in, element, mismatch)) return mismatch.within("element", number);
            out.push_back(std::move(element));
        }
        return true;
    }
    static std::string type_name() { return "list<" + Convert<T>::type_name() + ">"; }
};

template <class T, std::size_t size>
struct Convert<std::array<T, size>> {
    static void pack(Packer& packer, const std::array<T, size>& list) {
        packer.array(size);
        for (const auto& element : list) Convert<T>::pack(packer, element);
    }
    static bool unpack(Unpacker& in, std::array<T, size>& out, Mismatch& mismatch) {
        return std::apply([&](auto&... element) { return detail::unpack_each(in, mismatch, element...); }, out);
    }
    static std::string type_name() { return "list<" + Convert<T>::type_name() + ">"; }
};

template <class A, class B>
struct Convert<std::pair<A, B>> {
    static void pack(Packer& packer, const std::pair<A, B>& pair) {
        detail::pack_each(packer, pair.first, pair.second);
    }
    static bool unpack(Unpacker& in, std::pair<A, B>& out, Mismatch& mismatch) {
        return detail::unpack_each(in, mismatch, out.first, out.second);
    }
    static std::string type_name() { return "tuple<" + detail::join_type_names<A, B>() + ">"; }
};

template <class... T>
struct Convert<std::tuple<T...>> {
    static void pack(Packer& packer, const std::tuple<T...>& tuple) {
        std::apply([&](const auto&... element) { detail::pack_each(packer, element...); }, tuple);
    }
    static bool unpack(Unpacker& in, std::tuple<T...>& out, Mismatch& mismatch) {
        return std::apply([&](auto&... element) { return detail::unpack_each(in, mismatch, element...); }, out);
    }
    static std::string type_name() { return "tuple<" + detail::join_type_names<T...>() + ">"; }
};

template <class K, class V, class... Rest>
struct Convert<std::map<K, V, Rest...>> : detail::ConvertMap<std::map<K, V, Rest...>> {};
template <class K, class V, class... Rest>
struct Convert<std::unordered_map<K, V, Rest...>> : detail::ConvertMap<std::unordered_map<K, V, Rest...>> {};

}  // namespace rpcbroker
