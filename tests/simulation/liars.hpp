// Peers that keep to nothing: what they send is malformed, forged, repeated, uncalled for or too much.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "tests/simulation/process.hpp"

namespace rpcbroker::simulation {

/// At the frontend of every broker.
class LyingClient final : public Process {
public:
    LyingClient(Scene& scene, Place place, std::string name, const std::vector<Place>& brokers);

protected:
    std::optional<TimePoint> turn(TimePoint now) override;

private:
    void act();
    [[nodiscard]] std::string any_body();
    [[nodiscard]] std::string any_request();

    std::vector<std::unique_ptr<Dealer>> dealers_;
    bool acting_ = false;
    bool reads_ = true;
};

/// At the backend of every broker, registered for what honest workers serve.
class LyingWorker final : public Process {
public:
    LyingWorker(Scene& scene, Place place, std::string name, const std::vector<Place>& brokers);

protected:
    std::optional<TimePoint> turn(TimePoint now) override;

private:
    struct Link {
        std::unique_ptr<Dealer> dealer;
        std::deque<std::uint32_t> calls{};  ///< msgids that it was sent, the latest last
    };
    void receive(Link& link);
    void take_in(Link& link, std::string_view body);
    void act();
    [[nodiscard]] std::string any_body(Link& link);
    [[nodiscard]] std::uint32_t any_msgid(const Link& link);
    [[nodiscard]] std::string registration();

    std::vector<Link> links_;
    bool acting_ = false;
};

}  // namespace rpcbroker::simulation
