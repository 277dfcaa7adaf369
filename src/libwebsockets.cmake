# SPDX-License-Identifier: PostgreSQL
# Finds libwebsockets and accepts it only if it is built as src/ws needs it; target pgc_lws.
#
# Looked at in this order: PGC_LWS_PREFIX, what packaging/build-libwebsockets has put into the
# user's cache, the system.  Only the last one may be passed over in silence if it does not fit.

# Why the library whose lws_config.h is in `include_dir` cannot be used; empty = it can.
function(pgc_lws_problem include_dir result)
  if(NOT EXISTS ${include_dir}/lws_config.h)
    set(${result} "there is no ${include_dir}/lws_config.h" PARENT_SCOPE)
    return()
  endif()
  file(READ ${include_dir}/lws_config.h config)
  set(problems "")
  if(NOT config MATCHES "#define LWS_LIBRARY_VERSION_MAJOR 4[ \t]*\n"
      OR NOT config MATCHES "#define LWS_LIBRARY_VERSION_MINOR 3[ \t]*\n")
    list(APPEND problems "its version is not 4.3.x")
  endif()
  foreach(switch LWS_WITH_LIBEVENT LWS_ROLE_WS LWS_PGCABLE_PATCHED)
    if(NOT config MATCHES "#define ${switch}[ \t\n]")
      list(APPEND problems "${switch} is off")
    endif()
  endforeach()
  foreach(switch LWS_WITH_HTTP2 LWS_ROLE_H2 LWS_ROLE_MQTT LWS_WITH_LEJP LWS_WITH_CLIENT
      LWS_WITH_SYS_ASYNC_DNS LWS_WITH_EVLIB_PLUGINS)
    if(config MATCHES "#define ${switch}[ \t\n]")
      list(APPEND problems "${switch} is on")
    endif()
  endforeach()
  if(NOT config MATCHES "#define LWS_MAX_SMP 1[ \t]*\n")
    list(APPEND problems "LWS_MAX_SMP is not 1")
  endif()
  list(JOIN problems ", " problems)
  set(${result} "${problems}" PARENT_SCOPE)
endfunction()

set(lws_prefix "${PGC_LWS_PREFIX}")
set(lws_script ${PROJECT_SOURCE_DIR}/packaging/build-libwebsockets)
# The folder it prints changes with the switches in it and with the patches.
file(GLOB lws_patches ${PROJECT_SOURCE_DIR}/packaging/libwebsockets/*.patch)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${lws_script} ${lws_patches})
if(NOT lws_prefix)
  execute_process(COMMAND ${lws_script} --print-prefix OUTPUT_VARIABLE lws_prefix
    OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
endif()
pgc_lws_problem(${lws_prefix}/include lws_problem)
if(lws_problem AND NOT PGC_LWS_PREFIX)
  pgc_lws_problem(/usr/include lws_system_problem)
  if(NOT lws_system_problem)
    set(lws_prefix /usr)
    set(lws_problem "")
  endif()
endif()
if(lws_problem)
  # Indented, so that CMake does not fold the lines.
  message(FATAL_ERROR "  libwebsockets in ${lws_prefix} cannot be used:\n  ${lws_problem}\n"
    "  hint: ./packaging/build-libwebsockets builds the right one")
endif()

find_library(lws_library NAMES libwebsockets.a websockets PATHS ${lws_prefix} NO_CACHE REQUIRED
  PATH_SUFFIXES lib lib/${CMAKE_LIBRARY_ARCHITECTURE} NO_DEFAULT_PATH)
message(STATUS "Using libwebsockets: ${lws_library}")
add_library(pgc_lws INTERFACE)
target_include_directories(pgc_lws SYSTEM INTERFACE ${lws_prefix}/include)
target_link_libraries(pgc_lws INTERFACE
  ${lws_library} PkgConfig::EVENT PkgConfig::SSL PkgConfig::CRYPTO)
