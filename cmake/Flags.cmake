# One INTERFACE target carries warnings, sanitizers and coverage; every target of the project links it privately.
add_library(rpcbroker_flags INTERFACE)
target_compile_options(rpcbroker_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor -Wold-style-cast
  -Woverloaded-virtual -Wnull-dereference -Wimplicit-fallthrough
  $<$<BOOL:${RPCBROKER_WERROR}>:-Werror>
  # GCC 12 sees impossible overlaps inside std::string when it optimises (its bug 105651).
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
if(RPCBROKER_SANITIZE)
  # GCC 12 finds dangling and uninitialised values inside the standard library when sanitizers change its inlining.
  target_compile_options(rpcbroker_flags INTERFACE
    $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized;-Wno-null-dereference>)
  target_compile_options(rpcbroker_flags INTERFACE -fsanitize=${RPCBROKER_SANITIZE} -fno-omit-frame-pointer
                         -fno-sanitize-recover=all)
  target_link_options(rpcbroker_flags INTERFACE -fsanitize=${RPCBROKER_SANITIZE})
endif()
if(RPCBROKER_FUZZ)  # so that the fuzzer sees which branches an input takes
  target_compile_options(rpcbroker_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(RPCBROKER_COVERAGE)
  target_compile_options(rpcbroker_flags INTERFACE --coverage -O0)
  target_link_options(rpcbroker_flags INTERFACE --coverage)
endif()
