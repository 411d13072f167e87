#include <rpcbroker/keys.hpp>

#include <string.h>  // NOLINT(modernize-deprecated-headers): explicit_bzero is not in <cstring>

#include <array>
#include <utility>

#include <zmq.h>

#include "common/key_text.hpp"
#include "common/transport/key_file.hpp"

namespace rpcbroker {
namespace {

using KeyBuffer = std::array<char, key_characters + 1>;

constexpr std::size_t max_key_file = 4096;

Error no_curve() {
    return {Code::unimplemented, "libzmq was built without CURVE, so there are no keys; Debian's libzmq5 has it"};
}

Result<std::string> read_key(const std::string& path, KeyKind kind) {
    auto file = read_key_file(path, max_key_file);
    if (!file) return std::move(file).error();
    auto key = parse_key_file(file->text, kind);
    wipe(file->text);
    if (!key) return Error(key.error().code(), path + ": " + key.error().message());
    if (kind != KeyKind::secret) return key;
    if (auto problem = problem_with_secret(path, file->mode)) return *std::move(problem);
    return key;
}

}  // namespace

KeyPair make_key_pair() {
    KeyBuffer public_key{};
    KeyBuffer secret_key{};
    if (zmq_curve_keypair(public_key.data(), secret_key.data()) != 0) throw no_curve();
    KeyPair pair{public_key.data(), secret_key.data()};
    ::explicit_bzero(secret_key.data(), secret_key.size());
    return pair;
}

Result<KeyPair> read_secret_key(const std::string& path) {
    auto secret_key = read_key(path, KeyKind::secret);
    if (!secret_key) return std::move(secret_key).error();
    KeyBuffer public_key{};
    if (zmq_curve_public(public_key.data(), secret_key->c_str()) != 0) return no_curve();
    return KeyPair{public_key.data(), *std::move(secret_key)};
}

Result<std::string> read_public_key(const std::string& path) { return read_key(path, KeyKind::public_one); }

}  // namespace rpcbroker
