// A service of a worker: a name, and methods made of C++ functions.
#pragma once

#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <rpcbroker/context.hpp>
#include <rpcbroker/handler.hpp>
#include <rpcbroker/stream_context.hpp>

namespace rpcbroker {

class Registry;

struct MethodOptions {
    std::string doc = {};                  ///< one sentence, shown by `rpc-call --describe`
    std::vector<std::string> params = {};  ///< names of the parameters: all of them, or none
    /// Running it twice does no harm: a call whose worker is lost is run once more on another.
    bool idempotent = false;
};

/// Made by Worker::service(), and lives as long as the worker.
///
/// A handler is any callable that is not overloaded. It may take a Context& first, or a StreamContext<T>&, which makes
/// the method one that streams (stream_context.hpp); all else are the parameters of the call, of any type that
/// convert.hpp knows (views such as std::string_view point into the message). It returns nothing, a value, or a Result of
/// either. An Error that it returns or throws goes to the caller; of any other std::exception
/// the text goes, as INTERNAL. With WorkerOptions::threads over 1 it is called from several threads at once.
///
/// All functions throw std::invalid_argument: for a name that is no method name or is taken already, and for names of
/// parameters that are not as many as the parameters. They are to be called before Worker::run().
class Service {
public:
    Service(Registry& registry, std::string name) : registry_(&registry), name_(std::move(name)) {}
    Service(const Service&) = delete;
    Service& operator=(const Service&) = delete;

    [[nodiscard]] const std::string& name() const noexcept { return name_; }

    template <detail::Callable F>
    Service& method(const std::string& name, F function, MethodOptions options = {}) {
        using Typed = typename detail::HandlerOf<F>::type;
        auto names = options.params;
        add(name, std::move(options), Typed::signature(),
            std::make_unique<Typed>(std::move(function), std::move(names)));
        return *this;
    }

    /// A member function of `object`, which must outlive the worker.
    template <class Object, class R, class... A>
    Service& method(const std::string& name, R (Object::*function)(A...), std::type_identity_t<Object>& object,
                    MethodOptions options = {}) {
        return method(
            name,
            [function, &object](A... arguments) -> R { return (object.*function)(std::forward<A>(arguments)...); },
            std::move(options));
    }
    template <class Object, class R, class... A>
    Service& method(const std::string& name, R (Object::*function)(A...) const,
                    const std::type_identity_t<Object>& object, MethodOptions options = {}) {
        return method(
            name,
            [function, &object](A... arguments) -> R { return (object.*function)(std::forward<A>(arguments)...); },
            std::move(options));
    }

private:
    void add(const std::string& name, MethodOptions options, Signature signature, std::unique_ptr<Handler> handler);

    Registry* registry_;
    std::string name_;
};

}  // namespace rpcbroker
