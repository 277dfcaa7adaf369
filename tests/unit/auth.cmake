# SPDX-License-Identifier: PostgreSQL
pgc_test(auth LIBS pgc_auth PkgConfig::CRYPTO SOURCES auth_forge.c)
pgc_test(auth_claims LIBS pgc_auth PkgConfig::CRYPTO SOURCES auth_forge.c)
pgc_test(auth_keys LIBS pgc_auth PkgConfig::CRYPTO SOURCES auth_forge.c)
