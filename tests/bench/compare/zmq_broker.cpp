// zmq_proxy between a ROUTER and a DEALER: forwards, and does nothing else. Prints where it listens.
#include <cstdio>

#include "tests/bench/compare/zmq_bodies.hpp"

int main() {
    using namespace rpcbroker::compare;
    zmq::context_t context;
    zmq::socket_t frontend{context, zmq::socket_type::router};
    zmq::socket_t backend{context, zmq::socket_type::dealer};
    for (auto* socket : {&frontend, &backend}) {
        set_up(*socket);
        socket->bind("tcp://127.0.0.1:*");
    }
    std::printf("ready frontend=%s backend=%s\n", frontend.get(zmq::sockopt::last_endpoint).c_str(),
                backend.get(zmq::sockopt::last_endpoint).c_str());
    (void)std::fflush(stdout);
    zmq::proxy(frontend, backend);
}
