#include "common/transport/key_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "common/key_text.hpp"

namespace rpcbroker {
namespace {

constexpr mode_t others = 077;

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

Result<std::string> read_text(int descriptor, const std::string& path, std::size_t longest) {
    std::string text(longest + 1, '\0');
    std::size_t size = 0;
    while (size < text.size()) {
        const auto got = ::read(descriptor, text.data() + size, text.size() - size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return Error(Code::not_found, path + ": " + std::strerror(errno));
        if (got == 0) break;
        size += static_cast<std::size_t>(got);
    }
    if (size > longest) {
        wipe(text);
        return Error(Code::invalid_argument, path + ": too long for a key");
    }
    text.resize(size);
    return text;
}

}  // namespace

Result<KeyFile> read_key_file(const std::string& path, std::size_t longest) {
    const Descriptor file(path);
    if (file.number() < 0) return Error(Code::not_found, path + ": " + std::strerror(errno));
    struct stat status {};
    if (::fstat(file.number(), &status) != 0 || !S_ISREG(status.st_mode))
        return Error(Code::invalid_argument, path + ": this is no file");
    auto text = read_text(file.number(), path, longest);
    if (!text) return std::move(text).error();
    return KeyFile{*std::move(text), status.st_mode};
}

std::optional<Error> problem_with_secret(const std::string& path, mode_t mode) {
    if ((mode & others) == 0) return std::nullopt;
    return Error{Code::permission_denied, path + ": others than its owner may use this secret key (mode " +
                                              octal(mode) + "); chmod 600 " + path +
                                              ", and make a new key if somebody may have read it"};
}

}  // namespace rpcbroker
