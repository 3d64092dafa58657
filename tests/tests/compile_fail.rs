//! Misuse that the compiler rejects: each file under `ui/` says what and why.

// proves: R-OWN-5 R-OBL-3
#[test]
fn misuse_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
