// Any C++ function as a handler: its parameters are unpacked from a call, its result is packed for the response.
// Included by service.hpp; users need not name anything in here.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <rpcbroker/convert.hpp>
#include <rpcbroker/result.hpp>

namespace rpcbroker {

class Context;
template <class T>
class StreamContext;

namespace detail {
struct RunningCall;
}

/// What dispatch sees of a method: MessagePack in, MessagePack out.
class Handler {
public:
    Handler() = default;
    virtual ~Handler() = default;
    Handler(const Handler&) = delete;
    Handler& operator=(const Handler&) = delete;

    /// `params` is the array of the call. Appends exactly one value to `out`, or says why not; may throw what the user's
    /// function throws. From several threads at once.
    virtual Result<void> call(detail::RunningCall& running, std::string_view params, std::string& out) = 0;
};

/// The C++ types of a handler as the wire names them: "str", "list<int>".
struct Signature {
    std::vector<std::string> params;
    std::string result;   ///< of a stream: the type of its items
    bool stream = false;  ///< it sends items before its result
};

namespace detail {

/// An error of unpack_params, said to be the library's and before the handler was started.
Result<void> parameters_do_not_fit(const Error& error);
/// A handler's error without what only the broker and the libraries may say.
Result<void> said_by_handler(const Error& error);

template <class R>
struct ResultOf {
    using Value = R;
};
template <class T>
struct ResultOf<Result<T>> {
    using Value = T;
};

template <class T>
std::string type_name() {
    if constexpr (std::is_void_v<T>)
        return "nil";
    else
        return Convert<std::decay_t<T>>::type_name();
}

template <class T>
Result<void> append_outcome(std::string& out, const T& value) {
    pack_value(out, value);
    return {};
}
template <class T>
Result<void> append_outcome(std::string& out, const Result<T>& result) {
    if (!result) return said_by_handler(result.error());
    if constexpr (std::is_void_v<T>)
        pack_value(out, nullptr);
    else
        pack_value(out, *result);
    return {};
}

/// What a handler takes before the parameters of the call: nothing, a Context or a StreamContext<T>.
struct Nothing {
    explicit Nothing(RunningCall&) noexcept {}
};

/// The type of the items of a StreamContext.
template <class First>
struct ItemOf;
template <class T>
struct ItemOf<StreamContext<T>> {
    using Value = T;
};

/// F takes a First& (unless that is Nothing) before the parameters A.
template <class F, class R, class First, class... A>
class TypedHandler final : public Handler {
public:
    TypedHandler(F function, std::vector<std::string> names)
        : function_(std::move(function)), names_(std::move(names)) {}

    static Signature signature() {
        std::vector<std::string> params{type_name<A>()...};
        if constexpr (requires { typename ItemOf<First>::Value; })
            return {std::move(params), type_name<typename ItemOf<First>::Value>(), true};
        else
            return {std::move(params), type_name<typename ResultOf<std::decay_t<R>>::Value>(), false};
    }

    Result<void> call(RunningCall& running, std::string_view params, std::string& out) override {
        std::tuple<std::decay_t<A>...> arguments;
        if (const auto unpacked = unpack_params(params, arguments, names_); !unpacked) {
            return parameters_do_not_fit(unpacked.error());
        }
        First first{running};
        if constexpr (std::is_void_v<R>) {
            invoke(first, arguments, std::index_sequence_for<A...>{});
            return append_outcome(out, nullptr);
        } else {
            return append_outcome(out, invoke(first, arguments, std::index_sequence_for<A...>{}));
        }
    }

private:
    template <std::size_t... i>
    R invoke([[maybe_unused]] First& first, [[maybe_unused]] std::tuple<std::decay_t<A>...>& arguments,
             std::index_sequence<i...>) {
        // As A&&: what is taken by value is moved, what is taken by reference is referred to.
        if constexpr (std::is_same_v<First, Nothing>)
            return std::invoke(function_, static_cast<A&&>(std::get<i>(arguments))...);
        else
            return std::invoke(function_, first, static_cast<A&&>(std::get<i>(arguments))...);
    }

    F function_;
    std::vector<std::string> names_;
};

/// Finds out R and A of any callable, by way of std::function.
template <class F, class AsFunction = decltype(std::function{std::declval<F>()})>
struct HandlerOf;
template <class F, class R, class... A>
struct HandlerOf<F, std::function<R(A...)>> {
    using type = TypedHandler<F, R, Nothing, A...>;
};
template <class F, class R, class... A>
struct HandlerOf<F, std::function<R(Context&, A...)>> {
    using type = TypedHandler<F, R, Context, A...>;
};
template <class F, class R, class T, class... A>
struct HandlerOf<F, std::function<R(StreamContext<T>&, A...)>> {
    using type = TypedHandler<F, R, StreamContext<T>, A...>;
};

template <class F>
concept Callable = requires(F function) {
    std::function{function};
};

}  // namespace detail
}  // namespace rpcbroker
