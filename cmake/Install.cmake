# What `cmake --install` puts under a prefix: the programs, and a CMake package, so that
#
#   find_package(rpcbroker 0.1 REQUIRED)
#   target_link_libraries(mine PRIVATE rpcbroker::client)   # or rpcbroker::worker, rpcbroker::broker
#
# is all that a user of the libraries writes. Tried by tests/install.
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/rpcbroker)

set(programs rpc-broker rpc-worker rpc-call rpc-top rpc-bench rpc-keygen)
if(RPCBROKER_GATEWAY)
  list(APPEND programs rpc-gateway)
endif()
install(TARGETS ${programs} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS
          rpcbroker_common rpcbroker_transport
          rpcbroker_broker_core rpcbroker_broker
          rpcbroker_worker_core rpcbroker_worker
          rpcbroker_client_core rpcbroker_client
        EXPORT rpcbrokerTargets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT rpcbrokerTargets NAMESPACE rpcbroker:: DESTINATION ${package_dir})

foreach(part common broker worker client)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/${part}/include/rpcbroker DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
          FILES_MATCHING PATTERN "*.hpp")
endforeach()
# bash looks for the name of the program.
foreach(program IN LISTS programs)
  install(FILES ${PROJECT_SOURCE_DIR}/client/completion/rpc-call.bash
          DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME ${program})
endforeach()
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/rpcbrokerConfig.cmake.in
  ${PROJECT_BINARY_DIR}/rpcbrokerConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/rpcbrokerConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/rpcbrokerConfig.cmake ${PROJECT_BINARY_DIR}/rpcbrokerConfigVersion.cmake
        DESTINATION ${package_dir})
