// On a phone the ways around the lab are wider than the screen: where one is comes to its middle, so
// that there is seen to be more on either side.

const nav = document.querySelector(".lab-nav");
const here = nav.querySelector("[aria-current]")?.getBoundingClientRect();
const seen = nav.getBoundingClientRect();
if (here) nav.scrollLeft += (here.left + here.right - seen.left - seen.right) / 2;
