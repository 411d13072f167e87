// rpc-keygen: a new pair of keys, in two files.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <iostream>
#include <string>
#include <string_view>

#include <rpcbroker/keys.hpp>

#include "common/key_text.hpp"
#include "common/program/flags.hpp"

namespace {

using namespace rpcbroker;

constexpr int cannot_write = 1;
constexpr mode_t only_owner = 0600;
constexpr mode_t everybody_reads = 0644;

/// A file that was not there before. It is removed again unless it was kept.
class NewFile {
public:
    /// Throws Error (ALREADY_EXISTS, UNAVAILABLE).
    NewFile(std::string path, mode_t mode)
        : path_(std::move(path)),
          descriptor_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode)) {
        if (descriptor_ < 0 && errno == EEXIST)
            throw Error(Code::already_exists, path_ +
                                                  " is there already, and is not overwritten: choose another "
                                                  "NAME, or move it away if nobody needs that key any more");
        if (descriptor_ < 0) fail();
        if (::fchmod(descriptor_, mode) != 0) fail();  // whatever the umask
    }
    ~NewFile() {
        if (descriptor_ < 0) return;
        ::close(descriptor_);
        if (!kept_) ::unlink(path_.c_str());
    }
    NewFile(const NewFile&) = delete;
    NewFile& operator=(const NewFile&) = delete;

    void write(std::string_view text) const {
        while (!text.empty()) {
            const auto written = ::write(descriptor_, text.data(), text.size());
            if (written < 0 && errno == EINTR) continue;
            if (written < 0) fail();
            text.remove_prefix(static_cast<std::size_t>(written));
        }
        if (::fsync(descriptor_) != 0 && errno != EINVAL) fail();
    }
    void keep() noexcept { kept_ = true; }

private:
    [[noreturn]] void fail() const { throw Error(Code::unavailable, path_ + ": " + std::strerror(errno)); }

    std::string path_;
    int descriptor_;
    bool kept_ = false;
};

void write_pair(const std::string& path, std::string_view name, const KeyPair& pair) {
    NewFile secret{path + ".key", only_owner};
    NewFile shared{path + ".pub", everybody_reads};
    secret.write(write_key_file(name, pair.secret_key, KeyKind::secret));
    shared.write(write_key_file(name, pair.public_key, KeyKind::public_one));
    secret.keep();
    shared.keep();
}

/// What there is now, and what to do with it.
void say(const std::string& path, const std::string& name, const KeyPair& pair) {
    std::cout
        << path << ".key  the secret key: stays where it is used, readable by its owner alone\n"
        << path << ".pub  the public key: for whoever is to know it\n\n"
        << "For a broker:  rpc-broker --key " << path << ".key --authorized FILE\n"
        << "For a peer, one of these lines in the authorized file of its broker, with what it may call or register:\n"
        << "    " << name << " client " << pair.public_key << " EchoUtil.*\n"
        << "    " << name << " worker " << pair.public_key << " EchoUtil.*\n"
        << "then, with the public key of the broker:\n"
        << "    rpc-call --key-file " << path << ".key --broker-key BROKER.pub EchoUtil.CountString \"this is test\"\n"
        << "    rpc-worker --key " << path << ".key --broker-key BROKER.pub\n";
}

}  // namespace

int main(int argc, char** argv) {
    std::string path;
    Flags flags{"rpc-keygen", "Makes a pair of keys: NAME.key, which is secret, and NAME.pub.",
                "rpc-keygen broker                 broker.key and broker.pub, here\n"
                "rpc-keygen /etc/rpcbroker/alice   a directory may stand before the name"};
    flags.add_argument("NAME", path, "of the files; existing ones are not overwritten");
    if (const auto status = flags.parse(argc, argv)) return *status;
    const auto name = path.substr(path.rfind('/') + 1);
    if (!is_key_name(name))
        return flags.refuse("NAME: a key is called by up to " + std::to_string(max_key_name) +
                            " of a-z A-Z 0-9 . _ @ -, beginning with a letter or digit, as in worker-1");
    try {
        const auto pair = make_key_pair();
        write_pair(path, name, pair);
        say(path, name, pair);
    } catch (const Error& error) {
        std::cerr << "rpc-keygen: " << error.message() << '\n';
        return cannot_write;
    }
    return 0;
}
