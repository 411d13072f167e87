// MessagePack to JSON, straight from the bytes.
#include <array>
#include <charconv>
#include <cmath>

#include <rpcbroker/pack.hpp>

#include "client/json_msgpack.hpp"

namespace rpcbroker {

namespace {

std::string base64(std::string_view bytes) {
    static constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text;
    for (std::size_t at = 0; at < bytes.size(); at += 3) {
        std::uint32_t group = 0;
        for (std::size_t i = 0; i < 3; ++i)
            group = group << 8 | (at + i < bytes.size() ? static_cast<unsigned char>(bytes[at + i]) : 0U);
        for (std::size_t i = 0; i < 4; ++i) text += at + i > bytes.size() ? '=' : digits[group >> (18 - 6 * i) & 63];
    }
    return text;
}

class JsonWriter {
public:
    JsonWriter(std::string_view packed, JsonLayout layout) : in_(packed), layout_(layout) {}

    std::string write() {
        value();
        return std::move(out_);
    }

private:
    void value() {
        switch (in_.peek()) {
        case Kind::boolean: out_ += in_.take_boolean().value_or(false) ? "true" : "false"; break;
        case Kind::integer: integer(); break;
        case Kind::real: real(in_.take_real().value_or(0)); break;
        case Kind::string: text(in_.take_string().value_or("")); break;
        case Kind::binary: text(in_.take_binary().value_or("")); break;
        case Kind::array: array(); break;
        case Kind::map: map(); break;
        case Kind::extension: extension(); break;
        case Kind::nil:
        case Kind::end:
        case Kind::invalid:
            in_.take_nil();
            out_ += "null";
            break;
        }
    }

    void integer() {
        if (const auto number = in_.take_integer())
            out_ += std::to_string(*number);
        else
            out_ += std::to_string(in_.take_unsigned().value_or(0));
    }

    void real(double number) {
        if (std::isnan(number)) return special("$float", "NaN");
        if (std::isinf(number)) return special("$float", number > 0 ? "Infinity" : "-Infinity");
        std::array<char, 32> digits{};
        const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
        const std::string_view shortest{digits.data(), static_cast<std::size_t>(end - digits.data())};
        out_ += shortest;
        if (shortest.find_first_of(".e") == std::string_view::npos) out_ += ".0";
    }

    void text(std::string_view bytes) {
        if (is_utf8(bytes))
            quoted(bytes);
        else
            special("$bytes", base64(bytes));
    }

    void special(std::string_view key, std::string_view content) {
        out_ += '{';
        quoted(key);
        out_ += colon();
        quoted(content);
        out_ += '}';
    }

    void quoted(std::string_view utf8) {
        out_ += '"';
        for (const char c : utf8) character(c);
        out_ += '"';
    }

    void character(char c) {
        static constexpr std::string_view hex = "0123456789abcdef";
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\')
            (out_ += '\\') += c;
        else if (c == '\n')
            out_ += "\\n";
        else if (c == '\t')
            out_ += "\\t";
        else if (c == '\r')
            out_ += "\\r";
        else if (byte < 0x20 || byte == 0x7f)
            ((out_ += "\\u00") += hex[byte >> 4]) += hex[byte & 15];
        else
            out_ += c;
    }

    void array() {
        const auto size = in_.take_array();
        if (!size) return give_up();
        open('[');
        for (std::uint32_t i = 0; i < *size; ++i) {
            separate(i);
            value();
        }
        close(']', *size);
    }

    void map() {
        const auto size = in_.take_map();
        if (!size) return give_up();
        open('{');
        for (std::uint32_t i = 0; i < *size; ++i) {
            separate(i);
            key();
            out_ += colon();
            value();
        }
        close('}', *size);
    }

    void key() {
        if (in_.peek() == Kind::string) {
            const auto before = in_;
            if (const auto key = in_.take_string(); key && is_utf8(*key)) return quoted(*key);
            in_ = before;
        }
        const Kind kind = in_.peek();
        const auto key = in_.take_value();
        if (!key) return give_up();
        // JSON in a string in JSON would double its backslashes at every level.
        if (kind == Kind::array || kind == Kind::map)
            quoted("$msgpack:" + base64(*key));
        else
            quoted(msgpack_to_json(*key));
    }

    /// fixext: head, type, data. ext: head, size, type, data.
    void extension() {
        const auto whole = in_.take_value();
        if (!whole) return give_up();
        const auto head = static_cast<unsigned char>(whole->front());
        const std::size_t size_bytes = head == 0xc7 ? 1 : head == 0xc8 ? 2 : head == 0xc9 ? 4 : 0;
        const auto type = static_cast<std::int8_t>((*whole)[1 + size_bytes]);
        out_ += "{\"$ext\"" + std::string{colon()} + std::to_string(type) + ",\"data\"" + std::string{colon()};
        quoted(base64(whole->substr(2 + size_bytes)));
        out_ += '}';
    }

    /// Malformed from here on: nothing more is read.
    void give_up() {
        in_ = Unpacker{{}};
        out_ += "null";
    }

    void open(char bracket) {
        out_ += bracket;
        ++depth_;
    }
    void separate(std::uint32_t index) {
        if (index > 0) out_ += ',';
        new_line();
    }
    void close(char bracket, std::uint32_t size) {
        --depth_;
        if (size > 0) new_line();
        out_ += bracket;
    }
    void new_line() {
        if (layout_ == JsonLayout::line) return;
        out_ += '\n';
        out_.append(2 * depth_, ' ');
    }
    [[nodiscard]] std::string_view colon() const { return layout_ == JsonLayout::line ? ":" : ": "; }

    Unpacker in_;
    JsonLayout layout_;
    std::string out_;
    std::size_t depth_ = 0;
};

}  // namespace

std::string msgpack_to_json(std::string_view packed, JsonLayout layout) {
    if (!Unpacker{packed}.take_value()) return "null";
    return JsonWriter{packed, layout}.write();
}

}  // namespace rpcbroker
