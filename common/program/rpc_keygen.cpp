// rpc-keygen: new pairs of keys, in two files each, and their lines in the file of those who may connect.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <list>
#include <string>
#include <string_view>
#include <vector>

#include <rpcbroker/authorized.hpp>
#include <rpcbroker/keys.hpp>

#include "common/key_text.hpp"
#include "common/program/flags.hpp"
#include "common/program/secrets.hpp"

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

struct Wanted {
    std::vector<std::string> names;  ///< as they were given: a path, and perhaps ":" and a role
    std::string authorized;
    std::vector<std::string> patterns;
};

/// One pair, and for whom.
struct Made {
    std::string path;
    std::string name;
    std::string role;  ///< empty: that of a broker, or not said
    KeyPair pair;
};

Made make(const std::string& wanted) {
    const auto colon = wanted.find(':', wanted.rfind('/') + 1);
    Made made{wanted.substr(0, colon), {}, {}, make_key_pair()};
    made.name = made.path.substr(made.path.rfind('/') + 1);
    if (colon != std::string::npos) made.role = wanted.substr(colon + 1);
    return made;
}

/// The two files of a pair, which are removed again unless they are kept.
struct PairFiles {
    explicit PairFiles(const Made& made)
        : secret(made.path + ".key", only_owner), shared(made.path + ".pub", everybody_reads) {
        auto text = write_key_file(made.name, made.pair.secret_key, KeyKind::secret);
        secret.write(text);
        wipe(text);
        shared.write(write_key_file(made.name, made.pair.public_key, KeyKind::public_one));
    }
    void keep() noexcept {
        secret.keep();
        shared.keep();
    }

    NewFile secret;
    NewFile shared;
};

// ---- the authorized file

std::string line_of(const Made& made, const std::vector<std::string>& patterns) {
    std::string line = made.name + " " + made.role + " " + made.pair.public_key;
    for (const auto& pattern : patterns) line += " " + pattern;
    return line + "\n";
}

/// What is to be appended to the file, which is right with it. Throws Error.
std::string lines_for(const Wanted& wanted, const std::vector<Made>& all) {
    std::string lines;
    for (const auto& made : all)
        if (!made.role.empty()) lines += line_of(made, wanted.patterns);
    std::ifstream file(wanted.authorized, std::ios::binary);
    const std::string before{std::istreambuf_iterator<char>(file), {}};
    if (!before.empty() && before.back() != '\n') lines.insert(0, "\n");
    if (const auto keys = parse_authorized(before + lines); !keys)
        throw Error(keys.error().code(), wanted.authorized + ": " + keys.error().message());
    return lines;
}

/// In one piece, so that a broker that reads the file meanwhile does not see half of it.
void append(const std::string& path, std::string_view lines) {
    const auto fail = [&] { throw Error(Code::unavailable, path + ": " + std::strerror(errno)); };
    const int descriptor = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, everybody_reads);
    if (descriptor < 0) fail();
    const auto written = ::write(descriptor, lines.data(), lines.size());
    const int error = written < 0 ? errno : ENOSPC;
    if (::close(descriptor) == 0 && written == static_cast<ssize_t>(lines.size())) return;
    errno = error;
    fail();
}

// ---- what is said

/// What there is now, and what to do with it.
void say(const Made& made) {
    std::cout << made.path << ".key  the secret key: stays where it is used, readable by its owner alone\n"
              << made.path << ".pub  the public key: for whoever is to know it\n\n";
}

void say_next(const Made& made) {
    const auto& path = made.path;
    std::cout
        << "For a broker:  rpc-broker --key " << path << ".key --authorized FILE\n"
        << "For a peer, one of these lines in the authorized file of its broker, with what it may call or register:\n"
        << "    " << made.name << " client " << made.pair.public_key << " EchoUtil.*\n"
        << "    " << made.name << " worker " << made.pair.public_key << " EchoUtil.*\n"
        << "then, with the public key of the broker:\n"
        << "    rpc-call --key-file " << path << ".key --broker-key BROKER.pub EchoUtil.CountString \"this is test\"\n"
        << "    rpc-worker --key " << path << ".key --broker-key BROKER.pub\n";
}

void say_next(const Wanted& wanted, const std::vector<Made>& all) {
    std::string broker = "BROKER";
    for (const auto& made : all)
        if (made.role.empty()) broker = made.path;
    std::cout << wanted.authorized << "  has a line for each peer. Next:\n"
              << "    rpc-broker --key " << broker << ".key --authorized " << wanted.authorized << '\n';
    for (const auto& made : all) {
        if (made.role == "worker")
            std::cout << "    rpc-worker --key " << made.path << ".key --broker-key " << broker << ".pub\n";
        else if (!made.role.empty())
            std::cout << "    rpc-call --key-file " << made.path << ".key --broker-key " << broker
                      << ".pub EchoUtil.CountString \"this is test\"\n";
    }
}

// ---- the whole

/// What is wrong with the command line; empty: nothing.
std::string problem_with(const Wanted& wanted, const std::vector<Made>& all) {
    bool roles = false;
    for (const auto& made : all) {
        if (!is_key_name(made.name))
            return "NAME: a key is called by up to " + std::to_string(max_key_name) +
                   " of a-z A-Z 0-9 . _ @ -, beginning with a letter or digit, as in worker-1";
        if (made.role.empty()) continue;
        roles = true;
        if (made.role != "client" && made.role != "worker" && made.role != "admin")
            return "NAME:ROLE: a role is client, worker or admin";
        if (made.role != "admin" && wanted.patterns.empty())
            return "NAME:ROLE: --allow is missing: what it may call, or as a worker register, as in 'EchoUtil.*'";
    }
    if (roles == wanted.authorized.empty())
        return roles ? "NAME:ROLE: --authorized is missing: the file that the broker reads, to which its line is added"
                     : "--authorized: a line is added for NAME:ROLE, and no role is given";
    return {};
}

void write_all(const Wanted& wanted, const std::vector<Made>& all) {
    const auto lines = wanted.authorized.empty() ? std::string() : lines_for(wanted, all);
    std::list<PairFiles> files;  // all or none
    for (const auto& made : all) files.emplace_back(made);
    if (!lines.empty()) append(wanted.authorized, lines);
    for (auto& pair : files) pair.keep();
    for (const auto& made : all) say(made);
    if (lines.empty())
        say_next(all.back());
    else
        say_next(wanted, all);
}

}  // namespace

int main(int argc, char** argv) {
    keep_secrets();
    Wanted wanted;
    Flags flags{"rpc-keygen", "Makes pairs of keys: for each NAME, NAME.key, which is secret, and NAME.pub.",
                "rpc-keygen broker                 broker.key and broker.pub, here\n"
                "rpc-keygen /etc/rpcbroker/alice   a directory may stand before the name\n"
                "rpc-keygen broker worker-1:worker alice:client --allow 'EchoUtil.*' --authorized authorized\n"
                "                                  all that a broker, a worker and a client need"};
    flags.add_text(
        "--authorized", wanted.authorized, "FILE",
        "a broker's list of who may connect: gets a line for each NAME:ROLE, and is made if it is not there");
    flags.add_texts("--allow", wanted.patterns, "PATTERN",
                    "what these may call, or workers register: Service.Method, Service.* or *");
    flags.add_arguments("NAME[:ROLE]", wanted.names,
                        "of the files, which are not overwritten; client, worker or admin");
    if (const auto status = flags.parse(argc, argv)) return *status;
    if (wanted.names.empty()) return flags.refuse("NAME is missing");
    try {
        std::vector<Made> all;
        for (const auto& name : wanted.names) all.push_back(make(name));
        if (const auto problem = problem_with(wanted, all); !problem.empty()) return flags.refuse(problem);
        write_all(wanted, all);
    } catch (const Error& error) {
        std::cerr << "rpc-keygen: " << error.message() << '\n';
        return cannot_write;
    }
    return 0;
}
