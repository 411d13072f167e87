#include <rpcbroker/worker.hpp>

#include <unistd.h>

#include <array>
#include <stdexcept>
#include <utility>

#include "worker/dispatch.hpp"
#include "worker/registry.hpp"
#include "worker/runtime.hpp"

namespace rpcbroker {
namespace {

std::string default_name() {
    std::array<char, 256> host{};
    ::gethostname(host.data(), host.size() - 1);
    return std::string{host.data()} + "-" + std::to_string(::getpid());
}

std::vector<Endpoint> parse_endpoints(const std::vector<std::string>& texts) {
    if (texts.empty()) throw std::invalid_argument("a worker needs at least one broker");
    std::vector<Endpoint> endpoints;
    for (const auto& text : texts) endpoints.push_back(Endpoint::parse(text, Endpoint::Use::connect).value());
    return endpoints;
}

RuntimeOptions checked(WorkerOptions options) {
    if (options.threads == 0) throw std::invalid_argument("a worker needs at least one thread");
    if (options.capacity == 0U) throw std::invalid_argument("a worker needs a capacity of at least 1");
    if (options.name.empty()) options.name = default_name();
    return {parse_endpoints(options.brokers), std::move(options.name),    options.threads,        options.capacity,
            std::move(options.on_event),      std::move(options.on_call), std::move(options.keys)};
}

}  // namespace

std::map<std::string, std::string> CallReport::meta() const { return detail::unpack_meta(packed_meta); }

struct Worker::State {
    State(RuntimeOptions options, const transport::Context& context)
        : name(options.name), runtime(context, registry, std::move(options)) {}

    std::string name;
    Registry registry;
    Runtime runtime;
};

Worker::Worker(const std::string& broker) : Worker(WorkerOptions{.brokers = {broker}}) {}
Worker::Worker(WorkerOptions options) : Worker(std::move(options), transport::Context::shared()) {}
Worker::Worker(WorkerOptions options, const transport::Context& context)
    : state_(std::make_unique<State>(checked(std::move(options)), context)) {}
Worker::~Worker() = default;

Service& Worker::service(const std::string& name) { return state_->registry.service(name); }

const std::string& Worker::name() const noexcept { return state_->name; }

void Worker::run() { state_->runtime.run(); }

void Worker::stop() noexcept { state_->runtime.stop(); }

}  // namespace rpcbroker
