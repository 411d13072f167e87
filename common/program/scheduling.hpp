// How the system shares out cores among a program's threads.
#pragma once

namespace rpcbroker {

/// While one lives, threads that this thread starts are patient: one that is woken does not interrupt what runs on its core, and
/// comes next. Two threads that wake each other for every message, as a loop and libzmq's I/O thread, otherwise interrupt each
/// other in the midst of their work, for nothing but a second change of threads. Linux's SCHED_BATCH, which takes no privilege
/// and leaves the share of the processor's time as it is.
///
/// Changes nothing where the thread has another policy than the default, as then somebody chose it (`chrt`, systemd's
/// CPUSchedulingPolicy=), nor where the system does not allow it: libzmq's own option for its threads (ZMQ_THREAD_SCHED_POLICY,
/// 4.3.4) would abort the process there. Not thread-safe; to be ended by the thread that made it.
class PatientThreads {
public:
    PatientThreads() noexcept;
    ~PatientThreads();
    PatientThreads(const PatientThreads&) = delete;
    PatientThreads& operator=(const PatientThreads&) = delete;

private:
    bool changed_;
};

}  // namespace rpcbroker
