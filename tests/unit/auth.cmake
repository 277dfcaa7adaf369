# SPDX-License-Identifier: PostgreSQL
pgc_test(auth LIBS pgc_auth PkgConfig::CRYPTO SOURCES auth_forge.c)
pgc_test(auth_claims LIBS pgc_auth PkgConfig::CRYPTO SOURCES auth_forge.c)
pgc_test(auth_heritage LIBS pgc_auth PkgConfig::CRYPTO SOURCES auth_forge.c)
pgc_test(auth_keys LIBS pgc_auth PkgConfig::CRYPTO SOURCES auth_forge.c)

# A second opinion on tokens, by node: a short run here, a long one by tests/fuzz/tokens.mjs.
add_executable(token_verdicts ${PROJECT_SOURCE_DIR}/tests/fuzz/token_verdicts.c)
target_link_libraries(token_verdicts PRIVATE pgc_auth pgc_flags)
find_program(PGC_NODE node)
if(PGC_NODE)
  add_test(NAME unit.token_verdicts COMMAND ${PGC_NODE}
    ${PROJECT_SOURCE_DIR}/tests/fuzz/tokens.mjs --program $<TARGET_FILE:token_verdicts>)
  set_tests_properties(unit.token_verdicts PROPERTIES LABELS unit TIMEOUT 900)
endif()
pgc_test(tls LIBS pgc_auth PkgConfig::SSL PkgConfig::CRYPTO)
pgc_test(auth_memory LIBS pgc_auth PkgConfig::CJOSE PkgConfig::CRYPTO)
