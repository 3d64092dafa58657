// A worker that answers.

onmessage = ({ data }) => postMessage(data);
