#include "gateway/gob/decoder.hpp"

#include <utility>

#include "gateway/gob/writer.hpp"

namespace rpcbroker::gob {

namespace {

Error cut_off() { return malformed("a value is cut off"); }

/// A count of values, of which each takes a byte at least.
std::optional<std::uint64_t> take_count(Reader& in) {
    const auto count = in.take_unsigned();
    return count && *count <= in.rest().size() ? count : std::nullopt;
}

}  // namespace

Result<std::optional<std::string>> Decoder::message(std::string_view bytes) {
    if (begun_.empty()) return whole_message(bytes);
    Writer{begun_}.frame(bytes);
    const auto whole = std::exchange(begun_, {});
    return whole_message(whole);
}

Result<std::optional<std::string>> Decoder::whole_message(std::string_view bytes) {
    Reader in{bytes};
    const auto id = in.take_signed();
    if (!id || *id == 0 || *id == INT64_MIN) return malformed("a message without a type");
    if (*id < 0) {
        if (auto defined = types_.define(-*id, in); !defined) return defined.error();
        if (!in.at_end()) return malformed("more bytes than the description of a type has");
        return std::optional<std::string>{};
    }
    out_.clear();
    goes_on_ = false;
    auto read = single(*id, in, max_nesting);
    if (goes_on_) return wait_for_the_rest(bytes);
    parts_ = 0;
    if (!read) return read.error();
    if (!in.at_end()) return malformed("more bytes than the value has");
    return std::optional<std::string>{std::move(out_)};
}

/// Go ends a message behind a type that it describes within an interface. The value is then read from its beginning again.
Result<std::optional<std::string>> Decoder::wait_for_the_rest(std::string_view bytes) {
    constexpr unsigned most_parts = 16;
    if (++parts_ > most_parts || bytes.size() > most_bytes_)
        return Error{Code::resource_exhausted, "interfaces with too many types in one argument", By::client, Ran::no};
    begun_ = bytes;
    return std::optional<std::string>{};
}

/// A value of its own, not within another: one that is no struct stands behind a zero.
Result<void> Decoder::single(TypeId type, Reader& in, int nesting_left) {
    const auto* found = types_.find(type);
    if (found && found->kind != TypeKind::structure && in.take_unsigned() != 0U) return malformed("a zero is missing");
    return value(type, in, nesting_left);
}

Result<void> Decoder::value(TypeId type, Reader& in, int nesting_left) {
    const auto* found = types_.find(type);
    if (!found) return malformed("a type that was not described");
    if (out_.size() > most_bytes_)
        return Error{Code::resource_exhausted, "the argument is too large", By::client, Ran::no};
    if (nesting_left == 0) return malformed("nested too deep");
    switch (found->kind) {
    case TypeKind::array:
    case TypeKind::slice: return elements(*found, in, nesting_left - 1);
    case TypeKind::map: return entries(*found, in, nesting_left - 1);
    case TypeKind::structure: return structure(*found, in, nesting_left - 1);
    case TypeKind::interface: return interface(in, nesting_left - 1);
    default: return scalar(found->kind, in);
    }
}

Result<void> Decoder::scalar(TypeKind kind, Reader& in) {
    const auto done = [](bool read) { return read ? Result<void>{} : Result<void>{cut_off()}; };
    switch (kind) {
    case TypeKind::boolean: {
        const auto truth = in.take_unsigned();
        return done(truth && *truth <= 1 && (packer_.boolean(*truth == 1), true));
    }
    case TypeKind::integer: {
        const auto number = in.take_signed();
        return done(number && (packer_.integer(*number), true));
    }
    case TypeKind::unsigned_integer: {
        const auto number = in.take_unsigned();
        return done(number && (packer_.unsigned_integer(*number), true));
    }
    case TypeKind::real: {
        const auto number = in.take_real();
        return done(number && (packer_.real(*number), true));
    }
    case TypeKind::bytes:
    case TypeKind::opaque: {
        const auto bytes = in.take_bytes();
        return done(bytes && (packer_.binary(*bytes), true));
    }
    case TypeKind::string:
    case TypeKind::text: return text(in.take_bytes());
    default: return Error{Code::invalid_argument, "complex numbers cannot be passed on", By::client, Ran::no};
    }
}

/// Go's strings hold any bytes, MessagePack's UTF-8.
Result<void> Decoder::text(std::optional<std::string_view> bytes) {
    if (!bytes) return cut_off();
    if (is_utf8(*bytes))
        packer_.string(*bytes);
    else
        packer_.binary(*bytes);
    return {};
}

Result<void> Decoder::elements(const Type& type, Reader& in, int nesting_left) {
    const auto count = take_count(in);
    if (!count) return cut_off();
    if (type.kind == TypeKind::array && *count != type.length) return malformed("an array of the wrong length");
    packer_.array(*count);
    for (std::uint64_t i = 0; i < *count; ++i)
        if (auto read = value(type.element, in, nesting_left); !read) return read;
    return {};
}

Result<void> Decoder::entries(const Type& type, Reader& in, int nesting_left) {
    const auto count = take_count(in);
    if (!count) return cut_off();
    packer_.map(*count);
    for (std::uint64_t i = 0; i < *count; ++i) {
        if (auto read = value(type.key, in, nesting_left); !read) return read;
        if (auto read = value(type.element, in, nesting_left); !read) return read;
    }
    return {};
}

Result<void> Decoder::structure(const Type& type, Reader& in, int nesting_left) {
    packer_.map(type.fields.size());
    std::size_t next = 0;
    const auto pass_to = [&](std::size_t number) {
        for (; next < number; ++next) {
            packer_.string(type.fields[next].name);
            zero(type.fields[next].type);
        }
    };
    Result<void> outcome;
    const bool read = in.take_fields([&](std::uint32_t number) {
        if (number >= type.fields.size()) return false;
        pass_to(number);
        packer_.string(type.fields[next].name);
        outcome = value(type.fields[next++].type, in, nesting_left);
        return outcome.has_value();
    });
    if (!outcome) return outcome;
    if (!read) return malformed("a struct with a field that its type does not have");
    pass_to(type.fields.size());
    return {};
}

/// The name of the type that is in it, its id, its length, itself. No name: nil.
Result<void> Decoder::interface(Reader& in, int nesting_left) {
    const auto name = in.take_bytes();
    if (!name) return cut_off();
    if (name->empty()) return packer_.nil(), Result<void>{};
    const auto type = concrete_type(in);
    if (!type) return type.error();
    const auto bytes = in.take_bytes();
    if (!bytes || !*type) return cut_off();
    Reader inner{*bytes};
    if (auto read = single(**type, inner, nesting_left); !read) return read;
    return inner.at_end() ? Result<void>{} : malformed("more bytes than the value of an interface has");
}

/// Types may be described right here, before the one that counts.
Result<std::optional<TypeId>> Decoder::concrete_type(Reader& in) {
    while (true) {
        const auto id = in.take_signed();
        if (!id || *id == 0 || *id == INT64_MIN) return std::optional<TypeId>{};
        if (*id > 0) return std::optional<TypeId>{*id};
        if (auto defined = types_.define_again(-*id, in); !defined) return defined.error();
        goes_on_ = in.at_end();
        if (!in.take_unsigned()) return std::optional<TypeId>{};  // the length of what follows
    }
}

/// Go leaves out what is empty, zero, false or a nil pointer, and sends every struct and array.
void Decoder::zero(TypeId type) {
    const auto* found = types_.find(type);
    switch (found ? found->kind : TypeKind::interface) {
    case TypeKind::boolean: packer_.boolean(false); break;
    case TypeKind::integer:
    case TypeKind::unsigned_integer: packer_.integer(0); break;
    case TypeKind::real: packer_.real(0.0); break;
    case TypeKind::bytes: packer_.binary({}); break;
    case TypeKind::string: packer_.string({}); break;
    case TypeKind::slice: packer_.array(0); break;
    case TypeKind::map: packer_.map(0); break;
    default: packer_.nil(); break;
    }
}

}  // namespace rpcbroker::gob
