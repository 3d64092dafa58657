/** Shows where the test looks. */
export async function show(result) {
  document.getElementById("result").textContent = await result;
}
