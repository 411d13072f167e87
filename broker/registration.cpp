#include "broker/registration.hpp"

#include <algorithm>
#include <functional>
#include <optional>
#include <unordered_set>
#include <utility>

#include <rpcbroker/pack.hpp>

#include "common/message.hpp"

namespace rpcbroker::broker {

namespace {

constexpr std::uint64_t protocol_version = 1;
constexpr std::size_t max_text = 255;       // names
constexpr std::size_t max_doc = 16 * 1024;  // texts for people
constexpr std::string_view short_text = "str (UTF-8, up to 255 bytes)";
constexpr std::uint32_t max_listed = 4096;  // services of a worker, methods of a service, parameters of a method

/// Reads one map by its keys. The first thing that does not fit stays; everything after it is skipped.
class Fields {
public:
    using Read = std::function<bool(Unpacker&)>;

    explicit Fields(std::string where) : where_(std::move(where)) {}

    Fields& field(std::string_view key, std::string_view expected, Read read) {
        fields_.push_back({key, expected, std::move(read)});
        return *this;
    }

    /// The problem, or nothing. Unknown keys are passed over.
    std::optional<std::string> read(Unpacker& in) const {
        const auto size = in.take_map();
        if (!size) return where_ + ": expected map, got " + std::string(name_of(in.peek()));
        for (std::uint32_t i = 0; i < *size; ++i) {
            const auto key = in.take_string();
            if (!key) return where_ + ": expected a str as key, got " + std::string(name_of(in.peek()));
            if (auto problem = value(*key, in)) return problem;
        }
        return std::nullopt;
    }

private:
    struct Field {
        std::string_view key;
        std::string_view expected;
        Read read;
    };
    std::optional<std::string> value(std::string_view key, Unpacker& in) const {
        const auto field = std::ranges::find(fields_, key, &Field::key);
        if (field == fields_.end()) {
            in.take_value();
            return std::nullopt;
        }
        const Kind kind = in.peek();
        if (field->read(in)) return std::nullopt;
        // A reader stops where it does not fit: inside a list, at that item.
        std::string got(name_of(kind));
        if (kind == Kind::array) got.append(" holding ").append(name_of(in.peek()));
        return where_ + ", " + std::string(key) + ": expected " + std::string(field->expected) + ", got " + got;
    }
    std::string where_;
    std::vector<Field> fields_;
};

auto text(std::string& out, std::size_t limit = max_text) {
    return [&out, limit](Unpacker& in) {
        Unpacker ahead = in;
        const auto value = ahead.take_string();
        if (!value || value->size() > limit || !is_utf8(*value)) return false;
        out = *value;
        in = ahead;
        return true;
    };
}

auto flag(bool& out) {
    return [&out](Unpacker& in) {
        const auto value = in.take_boolean();
        if (value) out = *value;
        return value.has_value();
    };
}

template <class Item, class ReadItem>
auto list(std::vector<Item>& out, ReadItem read_item) {
    return [&out, read_item](Unpacker& in) {
        const auto size = in.take_array();
        if (!size || *size > max_listed) return false;
        out.clear();
        for (std::uint32_t i = 0; i < *size; ++i) {
            out.emplace_back();
            if (!read_item(in, out.back())) return false;
        }
        return true;
    };
}

Error invalid(std::string message) { return {Code::invalid_argument, std::move(message), By::broker, Ran::no}; }

/// Collects the first problem of the nested readers, which say more than the field that holds them.
struct RegistrationReader {
    std::optional<std::string> problem;

    bool keep(std::optional<std::string> found) {
        if (found && !problem) problem = std::move(found);
        return !problem;
    }

    bool method(Unpacker& in, MethodRegistration& method) {
        return keep(Fields("method")
                        .field("name", short_text, text(method.name))
                        .field("params", "list of str (UTF-8, up to 255 bytes each)",
                               list(method.params, [](Unpacker& item, std::string& out) { return text(out)(item); }))
                        .field("result", short_text, text(method.result))
                        .field("doc", "str (UTF-8, up to 16 KiB)", text(method.doc, max_doc))
                        .field("idempotent", "bool", flag(method.idempotent))
                        .field("stream", "bool", flag(method.stream))
                        .read(in));
    }

    bool service(Unpacker& in, ServiceRegistration& service) {
        const auto read_method = [this](Unpacker& item, MethodRegistration& out) { return method(item, out); };
        if (!keep(Fields("service")
                      .field("name", short_text, text(service.name))
                      .field("methods", "list of maps", list(service.methods, read_method))
                      .read(in)))
            return false;
        return keep(check(service));
    }

    static std::optional<std::string> check(const ServiceRegistration& service) {
        if (service.name == "rpc") return "service rpc: the name is the broker's own; choose another";
        if (!is_method_name(service.name + ".m"))
            return "service \"" + service.name + "\": expected a name of 1 to 253 bytes, without control characters";
        for (const auto& method : service.methods) {
            if (!is_method_name(service.name + "." + method.name) || method.name.find('.') != std::string::npos)
                return "service \"" + service.name + "\", method \"" + method.name +
                       "\": expected names that make Service.Method, 3 to 255 bytes, without control characters";
        }
        return std::nullopt;
    }

    bool registration(Unpacker& in, Registration& out, std::uint64_t& version) {
        const auto number = [](auto& value) {
            return [&value](Unpacker& item) {
                const auto read = item.take_unsigned();
                if (read)
                    value = static_cast<std::remove_reference_t<decltype(value)>>(
                        std::min<std::uint64_t>(*read, max_capacity));
                return read.has_value();
            };
        };
        const auto read_service = [this](Unpacker& item, ServiceRegistration& service) {
            return this->service(item, service);
        };
        return keep(Fields("rpc.register")
                        .field("protocol", "an unsigned int", number(version))
                        .field("name", short_text, text(out.name))
                        .field("batch", "bool", flag(out.batch))
                        .field("heartbeat", "bool", flag(out.heartbeat))
                        .field("capacity", "an unsigned int", number(out.capacity))
                        .field("services", "list of maps", list(out.services, read_service))
                        .read(in));
    }
};

std::optional<Error> check_version(std::uint64_t version) {
    if (version == protocol_version) return std::nullopt;
    return Error{Code::failed_precondition,
                 "protocol " + std::to_string(version) + " is not spoken here; this broker speaks protocol 1",
                 By::broker, Ran::no};
}

bool one_parameter(Unpacker& in) { return in.take_array() == 1U; }

}  // namespace

Result<Registration> read_registration(std::string_view params) {
    Unpacker in(params);
    if (!one_parameter(in)) return invalid("rpc.register: expected one parameter, a map");
    Registration registration;
    registration.capacity = 1;
    std::uint64_t version = protocol_version;
    RegistrationReader reader;
    const bool fits = reader.registration(in, registration, version);
    if (auto error = check_version(version)) return std::move(*error);
    if (!fits) return invalid(std::move(*reader.problem));
    std::unordered_set<std::string_view> names;
    for (const auto& service : registration.services)
        if (!names.insert(service.name).second) return invalid("service " + service.name + ": is listed twice");
    return registration;
}

Result<Hello> read_hello(std::string_view params) {
    Unpacker in(params);
    const auto count = in.take_array();
    Hello hello;
    if (count == 0U) return hello;
    if (count != 1U) return invalid("rpc.hello: expected one parameter, a map");
    std::uint64_t version = protocol_version;
    const auto number = [&version](Unpacker& item) {
        const auto read = item.take_unsigned();
        if (read) version = *read;
        return read.has_value();
    };
    auto problem = Fields("rpc.hello")
                       .field("protocol", "an unsigned int", number)
                       .field("batch", "bool", flag(hello.batch))
                       .field("heartbeat", "bool", flag(hello.heartbeat))
                       .field("name", short_text, text(hello.name))
                       .read(in);
    if (problem) return invalid(std::move(*problem));
    if (auto error = check_version(version)) return std::move(*error);
    return hello;
}

Result<std::optional<std::uint32_t>> read_heartbeat(std::string_view params) {
    Unpacker in(params);
    const auto count = in.take_array();
    std::optional<std::uint32_t> capacity;
    if (count == 0U) return capacity;
    const auto number = [&capacity](Unpacker& item) {
        const auto read = item.take_unsigned();
        if (read) capacity = static_cast<std::uint32_t>(std::min<std::uint64_t>(*read, max_capacity));
        return read.has_value();
    };
    if (auto problem = Fields("rpc.heartbeat").field("capacity", "an unsigned int", number).read(in))
        return invalid(std::move(*problem));
    return capacity;
}

}  // namespace rpcbroker::broker
