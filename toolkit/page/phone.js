// Sends one photo to the computer whose screen showed the address.

const photo = document.getElementById("photo");
const said = document.getElementById("said");

photo.onchange = async () => {
  const [file] = photo.files;
  if (!file) return;
  said.textContent = "Sending …";
  try {
    const answer = await (await fetch("", { method: "POST", body: file })).json();
    said.textContent = answer.said || `${answer.error} Try again.`;
    if (answer.said) photo.parentElement.remove();
  } catch {
    said.textContent = "The computer does not answer. Press its “Send from a phone” again, and open the new address.";
  }
  photo.value = "";
};
