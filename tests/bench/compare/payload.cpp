#include "tests/bench/compare/payload.hpp"

#include <algorithm>

#include <rpcbroker/pack.hpp>

namespace rpcbroker::compare {

std::string pack_parameters(std::string_view text) {
    std::string packed;
    Packer{packed}.array(1).string(text);
    return packed;
}

std::string_view answer(std::string_view method, std::string_view parameters, std::string& scratch) {
    Unpacker in{parameters};
    if (in.take_array() != 1U) fail("one parameter is wanted");
    if (method == count_method) {
        const auto text = in.take_string();
        if (!text) fail("a text is wanted");
        scratch.clear();
        Packer{scratch}.integer(std::ranges::count(*text, 's'));
        return scratch;
    }
    if (method != echo_method) fail("no such method");
    const auto value = in.take_value();
    if (!value) fail("a value is wanted");
    return *value;
}

void check_result(const Options& options, std::string_view result) {
    Unpacker in{result};
    if (options.size) {
        const auto text = in.take_string();
        if (!text || text->size() != options.size) fail("a wrong text came back");
    } else if (in.take_integer() != counted_result) {
        fail("a wrong count came back");
    }
}

}  // namespace rpcbroker::compare
