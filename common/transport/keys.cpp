#include <rpcbroker/keys.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include <zmq.h>

#include "common/key_text.hpp"

namespace rpcbroker {
namespace {

using KeyBuffer = std::array<char, key_characters + 1>;

constexpr std::size_t max_key_file = 4096;
constexpr mode_t others = 077;

Error no_curve() {
    return {Code::unimplemented, "libzmq was built without CURVE, so there are no keys; Debian's libzmq5 has it"};
}

class Descriptor {
public:
    explicit Descriptor(const std::string& path) noexcept
        : number_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
    ~Descriptor() {
        if (number_ >= 0) ::close(number_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    [[nodiscard]] int number() const noexcept { return number_; }

private:
    int number_;
};

std::string octal(mode_t mode) {
    std::string text = "0";
    for (const int shift : {6, 3, 0}) text.push_back(static_cast<char>('0' + ((mode >> shift) & 7U)));
    return text;
}

Error not_secret(const std::string& path, mode_t mode) {
    return {Code::permission_denied, path + ": others than its owner may use this secret key (mode " + octal(mode) +
                                         "); chmod 600 " + path + ", and make a new key if somebody may have read it"};
}

Result<std::string> read_text(int descriptor, const std::string& path) {
    std::string text(max_key_file + 1, '\0');
    std::size_t size = 0;
    while (size < text.size()) {
        const auto got = ::read(descriptor, text.data() + size, text.size() - size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return Error(Code::not_found, path + ": " + std::strerror(errno));
        if (got == 0) break;
        size += static_cast<std::size_t>(got);
    }
    if (size > max_key_file) return Error(Code::invalid_argument, path + ": too long for a key");
    text.resize(size);
    return text;
}

Result<std::string> read_key(const std::string& path, KeyKind kind) {
    const Descriptor file(path);
    if (file.number() < 0) return Error(Code::not_found, path + ": " + std::strerror(errno));
    struct stat status {};
    if (::fstat(file.number(), &status) != 0 || !S_ISREG(status.st_mode))
        return Error(Code::invalid_argument, path + ": this is no file");
    auto text = read_text(file.number(), path);
    if (!text) return text;
    auto key = parse_key_file(*text, kind);
    wipe(*text);
    if (!key) return Error(key.error().code(), path + ": " + key.error().message());
    if (kind == KeyKind::secret && (status.st_mode & others) != 0) return not_secret(path, status.st_mode);
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
