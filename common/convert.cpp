#include <rpcbroker/convert.hpp>

#include <exception>
#include <new>
#include <utility>

namespace rpcbroker {
namespace {

// What an error calls the value at the cursor.
std::string found(const Unpacker& at) {
    if (at.at_end()) return "nothing";
    if (!Unpacker{at}.take_value()) return "malformed MessagePack";
    return std::string{name_of(at.peek())};
}

std::string found_integer(Unpacker at) {
    if (const auto value = at.take_integer()) return std::to_string(*value);
    if (const auto value = at.take_unsigned()) return std::to_string(*value);
    return found(at);
}

std::string number_of(std::size_t count, std::string_view what) {
    if (count == 0) return std::string{"no "}.append(what).append("s");
    return std::to_string(count).append(" ").append(what).append(count == 1 ? "" : "s");
}

// " (text, part)", or nothing where a name is missing.
std::string listed(std::span<const std::string> names, std::size_t wanted) {
    if (wanted == 0 || names.size() < wanted) return {};
    std::string list;
    for (const auto& name : names.first(wanted)) {
        if (name.empty()) return {};
        list.append(list.empty() ? " (" : ", ").append(name);
    }
    return list + ")";
}

}  // namespace

bool Mismatch::say(std::string problem) {
    problem_ = std::move(problem);
    place_.clear();
    return false;
}

bool Mismatch::expected(std::string_view type, const Unpacker& at) {
    return say(std::string{"expected "}.append(type).append(", got ").append(found(at)));
}

bool Mismatch::expected_integer(std::int64_t least, std::uint64_t most, const Unpacker& at) {
    if (at.peek() != Kind::integer) return expected("int", at);
    return say("expected int from " + std::to_string(least) + " to " + std::to_string(most) + ", got " +
               found_integer(at));
}

bool Mismatch::within(std::string_view place) {
    place_ = place_.empty() ? std::string{place} : std::string{place}.append(", ").append(place_);
    return false;
}

bool Mismatch::within(std::string_view what, std::size_t number) {
    return within(std::string{what}.append(" ").append(std::to_string(number)));
}

namespace detail {

bool wrong_count(Mismatch& mismatch, std::string_view what, std::size_t wanted, std::size_t got) {
    return mismatch.say("expected " + number_of(wanted, what) + ", got " + std::to_string(got));
}

Result<void> wrong_parameter_count(std::span<const std::string> names, std::size_t wanted, std::size_t got) {
    return Error{Code::invalid_argument,
                 "expected " + number_of(wanted, "parameter") + listed(names, wanted) + ", got " + std::to_string(got)};
}

Result<void> no_parameters(const Unpacker& at) {
    return Error{Code::invalid_argument, "parameters: expected one list of them, got " + found(at)};
}

Result<void> more_than_parameters() {
    return Error{Code::invalid_argument, "parameters: expected one list of them, got more after it"};
}

Result<void> wrong_parameter(Mismatch& mismatch, std::span<const std::string> names, std::size_t index) {
    auto place = "parameter " + std::to_string(index + 1);
    if (index < names.size() && !names[index].empty()) place.append(" (").append(names[index]).append(")");
    mismatch.within(place);
    return Error{Code::invalid_argument, mismatch.text()};
}

Error wrong_value(Mismatch& mismatch, std::string_view what) {
    mismatch.within(what);
    return {Code::invalid_argument, mismatch.text()};
}

Error thrown_while_unpacking(std::string_view what) {
    try {
        throw;
    } catch (const std::bad_alloc&) {
        return {Code::resource_exhausted, std::string{what}.append(": not enough memory to unpack")};
    } catch (const std::exception& thrown) {
        return {Code::invalid_argument, std::string{what}.append(": ").append(thrown.what())};
    } catch (...) {
        return {Code::invalid_argument, std::string{what}.append(": cannot be unpacked")};
    }
}

}  // namespace detail
}  // namespace rpcbroker
