#include "client/rpc_bench_processes.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include "common/time.hpp"

namespace rpcbroker::bench {

namespace {

using std::chrono::milliseconds;

constexpr std::chrono::seconds patience{10};

[[noreturn]] void fail(const std::string& what) { throw std::system_error(errno, std::generic_category(), what); }

/// Made before fork(): between that and exec() nothing may allocate.
std::vector<char*> pointers_to(std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    for (auto& text : texts) pointers.push_back(text.data());
    pointers.push_back(nullptr);
    return pointers;
}

std::vector<std::string> environment_without_flags() {
    std::vector<std::string> kept;
    for (char** each = environ; *each != nullptr; ++each) {
        if (!std::string_view{*each}.starts_with("RPC_")) kept.emplace_back(*each);
    }
    return kept;
}

[[noreturn]] void become(const char* program, char* const* arguments, char* const* environment, int output,
                         pid_t parent) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(EXIT_FAILURE);
    ::setpgid(0, 0);
    ::dup2(output, STDOUT_FILENO);
    ::execve(program, arguments, environment);
    ::_exit(127);
}

std::string describe(int status) {
    if (WIFSIGNALED(status)) return "signal " + std::to_string(WTERMSIG(status));
    return "exit status " + std::to_string(WEXITSTATUS(status));
}

std::string beside_this(const std::string& program) {
    return std::filesystem::read_symlink("/proc/self/exe").replace_filename(program);
}

std::string new_folder() {
    std::string path = std::filesystem::temp_directory_path() / "rpc-bench-XXXXXX";
    if (::mkdtemp(path.data()) == nullptr) fail("cannot make a folder " + path);
    return path;
}

/// The value of `name` in "name=value other=value".
std::string field_of(const std::string& fields, const std::string& name) {
    const auto at = fields.find(name + "=");
    if (at == std::string::npos) throw std::runtime_error{"rpc-broker says no " + name + ": " + fields};
    const auto begin = at + name.size() + 1;
    return fields.substr(begin, fields.find(' ', begin) - begin);
}

}  // namespace

ChildProcess::ChildProcess(std::string name, std::string program, std::vector<std::string> arguments)
    : name_(std::move(name)), program_(std::move(program)) {
    auto path = beside_this(program_);
    if (::access(path.c_str(), X_OK) != 0) fail("--self needs " + path);
    arguments.insert(arguments.begin(), path);
    auto environment = environment_without_flags();
    const auto argument_pointers = pointers_to(arguments);
    const auto environment_pointers = pointers_to(environment);
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) fail("pipe");
    const pid_t parent = ::getpid();
    pid_ = ::fork();
    if (pid_ == 0) become(path.c_str(), argument_pointers.data(), environment_pointers.data(), ends[1], parent);
    const int problem = errno;
    ::close(ends[1]);
    output_ = ends[0];
    if (pid_ > 0) return;
    ::close(output_);
    errno = problem;
    fail("fork");
}

ChildProcess::~ChildProcess() {
    ask_to_end();
    end();
    ::close(output_);
}

std::string ChildProcess::wait_until_ready(const StopSignal& stop) {
    const auto line = read_line(stop);
    const auto expected = program_ + " ready ";
    if (line.starts_with(expected)) return line.substr(expected.size());
    throw std::runtime_error{name_ + " does not serve" + (line.empty() ? "" : ": it says \"" + line + "\"")};
}

/// Byte by byte: there is one line. Empty when the program ends.
std::string ChildProcess::read_line(const StopSignal& stop) const {
    const auto end = Clock::now() + patience;
    std::string line;
    while (true) {
        const auto left = std::chrono::ceil<milliseconds>(end - Clock::now()).count();
        std::array<pollfd, 2> watched{{{output_, POLLIN, 0}, {stop.descriptor(), POLLIN, 0}}};
        const int ready = left <= 0 ? 0 : ::poll(watched.data(), watched.size(), static_cast<int>(left));
        if (ready < 0 && errno == EINTR) continue;
        if (ready <= 0) throw std::runtime_error{name_ + " does not serve after 10 s"};
        if (watched[1].revents != 0) throw std::runtime_error{"interrupted"};
        char byte = 0;
        if (::read(output_, &byte, 1) != 1 || byte == '\n') return line;
        line.push_back(byte);
    }
}

bool ChildProcess::has_ended() noexcept {
    int status = 0;
    if (!status_ && ::waitpid(pid_, &status, WNOHANG) == pid_) status_ = status;
    return status_.has_value();
}

void ChildProcess::ask_to_end() noexcept {
    if (!has_ended() && !std::exchange(asked_, true)) ::kill(pid_, SIGTERM);
}

void ChildProcess::end() noexcept {
    const auto latest = Clock::now() + patience;
    while (!has_ended()) {
        if (Clock::now() > latest) ::kill(pid_, SIGKILL);
        std::this_thread::sleep_for(milliseconds{2});
    }
}

std::optional<std::string> ChildProcess::how_it_ended() {
    return has_ended() ? std::optional{describe(*status_)} : std::nullopt;
}

Fleet::Fleet(const FleetOptions& options, const StopSignal& stop) {
    try {
        start(options, stop);
    } catch (...) {
        end();
        throw;
    }
}

Fleet::~Fleet() { end(); }

void Fleet::start(const FleetOptions& options, const StopSignal& stop) {
    if (options.ipc) folder_ = new_folder();
    const auto endpoint = [this](const char* side) {
        return folder_.empty() ? "tcp://127.0.0.1:0" : "ipc://" + folder_ + "/" + side;
    };
    const std::vector<std::string> quiet{"--log-level", "warn"};
    auto arguments = quiet;
    arguments.insert(arguments.end(), {"--frontend", endpoint("frontend"), "--backend", endpoint("backend")});
    processes_.push_back(std::make_unique<ChildProcess>("rpc-broker", "rpc-broker", arguments));
    const auto fields = processes_.front()->wait_until_ready(stop);
    frontend_ = field_of(fields, "frontend");
    arguments = quiet;
    arguments.insert(arguments.end(), {"--broker", field_of(fields, "backend")});
    if (options.worker_threads)
        arguments.insert(arguments.end(), {"--threads", std::to_string(*options.worker_threads)});
    for (unsigned i = 1; i <= options.workers; ++i) {
        const auto name = "rpc-worker " + std::to_string(i);
        processes_.push_back(std::make_unique<ChildProcess>(name, "rpc-worker", arguments));
    }
    for (unsigned i = 1; i <= options.workers; ++i) processes_[i]->wait_until_ready(stop);
}

/// The workers leave first, while the broker is there to let them.
void Fleet::end() noexcept {
    for (std::size_t i = 1; i < processes_.size(); ++i) processes_[i]->ask_to_end();
    while (!processes_.empty()) processes_.pop_back();
    std::error_code ignored;
    if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
}

std::vector<const ChildProcess*> Fleet::processes() const {
    std::vector<const ChildProcess*> all;
    for (const auto& process : processes_) all.push_back(process.get());
    return all;
}

std::vector<std::string> Fleet::losses() {
    std::vector<std::string> lines;
    for (const auto& process : processes_) {
        if (const auto how = process->how_it_ended()) lines.push_back(process->name() + " ended: " + *how);
    }
    return lines;
}

}  // namespace rpcbroker::bench
